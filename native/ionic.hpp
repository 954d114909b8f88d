// What an ionic picture says of a crystal: site potentials, and whether charges are balanced where they sit.
//
// The columns beside know who the nearest neighbours are. Which of two arrangements of the same ions is lower depends
// on farther ones, and on every anion being shared by the right cations (Pauling, J. Am. Chem. Soc. 51, 1010, 1929).
#pragma once

#include <cstddef>
#include <vector>

#include "charges.hpp"
#include "ewald.hpp"
#include "statistics.hpp"
#include "tessellation.hpp"

namespace seitz {

// Sites of one structure that count, and how often; null weights: once each.
struct CountedSites {
  const std::vector<std::size_t>& sites;
  const double* weights;
};

// Ions of one decoration after the other; keeps its buffers.
class Ions {
 public:
  // Writes kIonicNumbers numbers. The view needs directions.
  void write(const SpeciesTable& table, const Decoration& decoration, const FaceView& faces, const Ewald& sums,
             const CountedSites& counted, std::size_t n_threads, double* out);

 private:
  struct Bonds {                   // of every site
    std::vector<double> shared;    // charge that its neighbours hand it by Pauling's rule, plus its own
    std::vector<double> valence;   // sum of bond valences
    std::vector<double> lopsided;  // length of the sum of bond-valence vectors
  };

  void charge(const SpeciesTable& table, const Decoration& decoration, const CountedSites& counted);
  void bond(const SpeciesTable& table, const Decoration& decoration, const FaceView& faces);
  double* write_bonds(const Decoration& decoration, const CountedSites& counted, double* out) const;
  double* write_potentials(const Decoration& decoration, const CountedSites& counted, double spacing, std::size_t set,
                           double* out) const;

  FormalCharges formal_;
  std::vector<Charges> by_species_;  // formal charge, and lack of electronegativity
  std::vector<Charges> charges_, potentials_;
  Bonds bonds_;
  std::vector<double> contact_, strength_;  // by pair of species: sum of radii; strength of a bond of that length
};

}  // namespace seitz
