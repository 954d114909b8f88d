// Electrostatic potentials at the sites of a periodic crystal (Ewald, Ann. Phys. 369, 253, 1921).
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "neighbours.hpp"

namespace seitz {

// Point charges are taken in pairs of sets, since every distance and phase serves both.
inline constexpr std::size_t kChargeSets = 2;
using Charges = std::array<double, kChargeSets>;

// The sums of one geometry. Keeps a reference to the packing.
class Ewald {
 public:
  explicit Ewald(const Packing& packing);

  // Potentials at some sites, in elementary charges per angstrom, of charges at all sites (in elementary charges).
  // Each set must be neutral; the average of the potential over the volume is zero.
  std::vector<Charges> potentials(const std::vector<Charges>& charges, const std::vector<std::size_t>& sites,
                                  std::size_t n_threads) const;

 private:
  struct Wave {  // one of a pair of opposite reciprocal vectors
    std::array<std::int32_t, 3> index;
    double weight;
  };
  class Chunk;

  struct Near {  // scratch
    Shell shell;
    std::vector<double> values;
  };
  void find_images(std::size_t site, std::size_t other, std::vector<double>& found) const;
  void add_near_pairs(const std::vector<Charges>& charges, const std::vector<std::size_t>& sites,
                      std::vector<Charges>& found) const;
  void add_near(const std::vector<Charges>& charges, std::size_t site, Near& near, Charges& found) const;
  std::vector<Charges> far(const std::vector<Charges>& charges, const std::vector<std::size_t>& sites,
                           std::size_t n_threads) const;

  const Packing& packing_;
  double width_;   // of the screening charges, as an inverse length
  double radius_;  // of the sum in real space
  std::vector<Wave> waves_;
  std::array<std::int32_t, 3> highest_{};  // index among the waves
};

}  // namespace seitz
