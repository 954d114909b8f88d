// Random solid solutions on a lattice: the neighbour differences of an infinite one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "statistics.hpp"
#include "tessellation.hpp"

namespace seitz {

// Discrete probability distribution over ascending values.
struct Distribution {
  std::vector<double> values, probabilities;
};

// Sums of independent variables. Few values stay exact. Many are kept to a bounded number: those that fall into one bin
// are replaced by their mean, which leaves the mean exact and mean absolute deviations to second order in its width.
class Convolver {
 public:
  explicit Convolver(std::size_t max_values) : max_values_(max_values) {}
  void add(Distribution& sum, const Distribution& term);

 private:
  bool add_exactly(Distribution& sum, const Distribution& term);

  std::size_t max_values_;
  std::vector<double> weight_, moment_;
  std::vector<std::pair<double, double>> merged_, buffer_;
};

// E |a + b - centre| for independent a and b.
double mean_deviation(const Distribution& a, const Distribution& b, double centre);

// Independent occupancy of every site, by sublattice: on sublattice g, species e has probability fractions[g][e].
struct RandomLattice {
  std::size_t n_sublattices = 0, n_species = 0;
  const double* multiplicities = nullptr;  // (n_sublattices) sites per cell
  const double* fractions = nullptr;       // (n_sublattices, n_species)
  const std::int32_t* species = nullptr;   // (n_species) rows of the species table
  // Faces of one site of each sublattice: those of sublattice g are offsets[g] .. offsets[g + 1].
  const std::int64_t* offsets = nullptr;
  const std::int32_t* neighbours = nullptr;  // sublattice behind each face
  const double* weights = nullptr;           // its share of the surface
};

// Mean, mean absolute deviation, minimum, maximum and range of every property's neighbour difference in the infinite
// alloy: (n_properties, kDifferenceNumbers). With n_sites > 0, the minimum and maximum that are expected among so many
// independent sites, in place of the limits. `poll` is called now and then on the calling thread: to give the work up,
// it throws.
void random_differences(const RandomLattice& lattice, const SpeciesTable& table, double n_sites, std::size_t max_values,
                        std::size_t n_threads, const std::function<void()>& poll, double* differences);

// The parts of a block that depend on amounts alone.
void composition_block(const SpeciesTable& table, const std::vector<std::size_t>& species,
                       const std::vector<double>& counts, const Block& block);

}  // namespace seitz
