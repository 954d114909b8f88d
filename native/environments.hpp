// Local chemical environments: one row of numbers per site, from the faces of its cell and the species around.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace seitz {

inline constexpr std::size_t kElements = 112;

// Elements, and sites shared by several elements, under one index. Species 0..112 are the elements by atomic number.
struct SpeciesTable {
  std::size_t n_species = 0;
  std::size_t n_properties = 0;
  const double* properties = nullptr;     // (n_species, n_properties), no NaN
  const std::int64_t* offsets = nullptr;  // (n_species + 1): elements of each species
  const std::int32_t* elements = nullptr;
  const double* amounts = nullptr;              // occupancy of each of them
  const double* ionic_negativity = nullptr;     // (113), NaN where unknown
  const std::int32_t* valence = nullptr;        // (4) property indices of the s, p, d and f valence electrons
  const std::int64_t* state_offsets = nullptr;  // (114): oxidation states of each element ...
  const std::int32_t* states = nullptr;         // ... ascending

  struct ScaleProperties {       // property indices; values are zero where unknown
    std::size_t radius = 0;      // covalent, pm
    std::size_t negativity = 0;  // Pauling electronegativity
    std::size_t volume = 0;      // per atom of the elemental ground state
    std::size_t electrons = 0;   // of the valence
  } scale;

  // What ions need; every value is known or guessed.
  enum IonicColumn : std::size_t { kNegativity, kRadius, kBondRadius, kBondSoftness, kIonicColumns };
  struct Ionic {
    const double* values = nullptr;         // (n_species, kIonicColumns): see native/ionic.hpp
    const std::int64_t* offsets = nullptr;  // (114): charges that an element may take ...
    const std::int32_t* charges = nullptr;  // ... ascending ...
    const double* costs = nullptr;          // ... and how unusual each is
    const double* of(std::size_t species) const { return values + species * kIonicColumns; }
  } ionic;

  const double* of(std::size_t species) const { return properties + species * n_properties; }
};

// Columns of a row before the neighbour differences.
enum GeometryColumn : std::size_t {
  kCoordination = 0,
  kBondLength = 1,
  kBondVariation = 2,
  kCellVolume = 3,
  kInscribed = 4,
  kGeometryColumns = 5,
};

// The distinct species of one decoration, numbered from zero in order of first occurrence.
class Decoration {
 public:
  // Keeps its buffers: assign again for the next one.
  void assign(const SpeciesTable& table, const std::int32_t* species, std::size_t n_sites);

  // Amounts alone: how many sites hold each species, without saying which.
  void assign_counts(const std::vector<std::size_t>& species, const std::vector<double>& counts);

  std::size_t n_species() const { return species_.size(); }
  std::size_t species(std::size_t local) const { return species_[local]; }
  std::size_t local(std::size_t site) const { return local_[site]; }
  double count(std::size_t local) const { return counts_[local]; }
  double n_sites() const { return n_sites_; }

 private:
  std::vector<std::uint32_t> local_;
  std::vector<std::size_t> species_;
  std::vector<double> counts_;
  std::vector<std::int32_t> number_of_;  // by species, -1 where absent
  double n_sites_ = 0.0;
};

// Effective coordination, mean bond length, its variation, cell volume and inscribed-sphere volume of one cell;
// optionally the weight of every face, its share of the surface.
void geometry_row(const double* areas, const double* distances, std::size_t n_faces, double* row, double* weights);

// Area-weighted mean absolute difference of every property between a site and its neighbours.
// `share`: scratch of decoration.n_species() zeros, left as zeros.
template <class Index>
void difference_row(const SpeciesTable& table, const Decoration& decoration, std::size_t site, const Index* neighbours,
                    const double* weights, std::size_t n_faces, double* share, double* row);

}  // namespace seitz
