// Samples of a random alloy on one lattice, and the vectors of ever more of them together.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "statistics.hpp"
#include "tessellation.hpp"

namespace seitz {

// Rows of many decorations of one tessellation, kept so that any part of them can be reduced.
class Ensemble {
 public:
  // `species`: (n_samples, n_sites).
  Ensemble(const FaceView& faces, const SpeciesTable& table, const std::int32_t* species, std::size_t n_samples,
           std::size_t n_threads);

  // (n_samples - first, block_size): block k is that of samples 0 .. first + k together.
  void growing(const SpeciesTable& table, std::size_t first, std::size_t n_threads, double* blocks) const;

  // (n_groups, block_size): block g is that of all samples but g, g + n_groups, g + 2 n_groups ...
  void leaving_out(const SpeciesTable& table, std::size_t n_groups, std::size_t n_threads, double* blocks) const;

 private:
  struct Totals {
    std::vector<double> sum, lowest, highest, counts;
    double n_rows = 0.0;
  };
  Totals nothing() const;
  void add(std::size_t sample, Totals& totals) const;
  template <class Chosen>
  void write(const SpeciesTable& table, const Totals& totals, Chosen&& chosen, double* out) const;

  std::size_t n_samples_, n_sites_, width_;
  std::array<double, kGeometryNumbers> geometry_{};
  std::vector<double> rows_;           // (n_samples, n_sites, width)
  std::vector<std::size_t> species_;   // those that occur ...
  std::vector<std::uint32_t> number_;  // ... and which of them is on every site of every sample
};

}  // namespace seitz
