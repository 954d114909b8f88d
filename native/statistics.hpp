// Reduction of a structure's rows and composition to one block of numbers, from which every descriptor takes columns.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

#include "environments.hpp"

namespace seitz {

// Layout of the block; the schema in Python names each of its numbers.
//   geometry      coordination mean, MAD, min, max · bond length MAD, min, max over mean · bond variation mean, MAD,
//   min,
//                 max · cell volume MAD over mean · packing efficiency
//   differences   per property: mean, MAD, min, max, range
//   stoichiometry number of elements, norms 2, 3, 5, 7, 10
//   sites         per property: mean, range, MAD, max, min, most
//   electronic    valence fractions s, p, d, f · ionic character max, mean
//   order         Warren-Cowley magnitudes of three shells · whether the elements can form an ionic compound;
//                 NaN where no walk was asked for
//   fractions     atomic fraction of each element by atomic number
//   scale         volume per atom and its logarithm, volume of the elements, volume of covalent spheres and valence
//                 electrons per volume, entropy of mixing · per scale column: mean, MAD, min, max; NaN if not asked for
//   ionic         charge balance of cations, of anions: rms, mean size, max size, MAD within species, covariance with
//                 charge · bond-valence excess: rms, mean; of cations, of anions: mean, rms, MAD, max, min; MAD within
//                 species · bond-valence vectors of cations, of anions: mean, MAD; mean of all · per set of charges:
//                 energy, Madelung constant, potential at positive, at negative ions: mean, MAD; MAD within species,
//                 spread, worst, remainder; NaN if not asked for
inline constexpr std::size_t kGeometryNumbers = 13;
inline constexpr std::size_t kDifferenceNumbers = 5;
inline constexpr std::size_t kStoichiometryNumbers = 6;
inline constexpr std::size_t kSiteNumbers = 6;
inline constexpr std::size_t kElectronicNumbers = 6;
inline constexpr std::size_t kWalkNumbers = 3;
inline constexpr std::size_t kOrderNumbers = kWalkNumbers + 1;
inline constexpr std::size_t kScaleColumns = 21;
inline constexpr std::size_t kScaleGlobals = 6;
inline constexpr std::size_t kScaleStatistics = 4;
inline constexpr std::size_t kScaleNumbers = kScaleGlobals + kScaleStatistics * kScaleColumns;
inline constexpr std::size_t kIonicNumbers = 48;

inline std::size_t block_size(std::size_t n_properties) {
  return kGeometryNumbers + kStoichiometryNumbers + kElectronicNumbers + kOrderNumbers + kElements + kScaleNumbers +
         kIonicNumbers + (kDifferenceNumbers + kSiteNumbers) * n_properties;
}

// Where the parts of a block begin.
struct Block {
  double *geometry, *differences, *stoichiometry, *sites, *electronic, *walks, *ionic_formation, *fractions, *scale,
      *ionic;
  Block(double* block, std::size_t n_properties)
      : geometry(block),
        differences(geometry + kGeometryNumbers),
        stoichiometry(differences + kDifferenceNumbers * n_properties),
        sites(stoichiometry + kStoichiometryNumbers),
        electronic(sites + kSiteNumbers * n_properties),
        walks(electronic + kElectronicNumbers),
        ionic_formation(walks + kWalkNumbers),
        fractions(ionic_formation + 1),
        scale(fractions + kElements),
        ionic(scale + kScaleNumbers) {}

  void leave_out_order() const { std::fill(walks, walks + kOrderNumbers, std::numeric_limits<double>::quiet_NaN()); }
  void leave_out_scale() const { std::fill(scale, scale + kScaleNumbers, std::numeric_limits<double>::quiet_NaN()); }
  void leave_out_ionic() const { std::fill(ionic, ionic + kIonicNumbers, std::numeric_limits<double>::quiet_NaN()); }
  void leave_out_sections() const {
    leave_out_order();
    leave_out_scale();
    leave_out_ionic();
  }
};

// Weighted mean, mean absolute deviation, minimum and maximum of every column of (n, width) rows.
class Moments {
 public:
  void compute(const double* rows, const double* weights, std::size_t n, std::size_t width);
  double mean(std::size_t c) const { return mean_[c]; }
  double deviation(std::size_t c) const { return deviation_[c]; }
  double min(std::size_t c) const { return min_[c]; }
  double max(std::size_t c) const { return max_[c]; }
  double weight() const { return weight_; }

 private:
  std::vector<double> mean_, deviation_, min_, max_;
  double weight_ = 0.0;
};

// The parts of a block that depend on the composition alone.
class Composition {
 public:
  void write(const SpeciesTable& table, const Decoration& decoration, const Block& block);

  // Whether the atoms can take oxidation states that add up to zero; after write().
  void write_ionic_formation(const SpeciesTable& table, const Block& block);

 private:
  void count_elements(const SpeciesTable& table, const Decoration& decoration);
  void write_stoichiometry(double* out) const;
  void write_electronic(const SpeciesTable& table, double* out) const;
  void site_statistics(const SpeciesTable& table, const Decoration& decoration, std::size_t property,
                       double* out) const;

  std::vector<std::int32_t> elements_;
  std::vector<double> amounts_;        // per element, in atoms
  std::vector<std::int64_t> charged_;  // scratch of write_ionic_formation
  double total_ = 0.0;
};

void write_geometry(const Moments& moments, double volume, double* out);
void write_differences(const Moments& moments, std::size_t first_column, std::size_t n_properties, double* out);

}  // namespace seitz
