// What has a length: contacts of each site in angstrom and in covalent radii, and how its neighbours are arranged.
//
// The rest of a block does not change when a structure is stretched; these numbers do. Those of the shape depend on
// geometry alone and are computed once for any number of decorations.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "statistics.hpp"
#include "tessellation.hpp"

namespace seitz {

// Shape of a site's surroundings: mean bond length, cube root of the cell volume, nearest distance, effective
// coordination by solid angle, bond-order parameters of six degrees.
inline constexpr std::array<std::size_t, 6> kOrders{2, 3, 4, 5, 6, 8};
inline constexpr std::size_t kShapeColumns = 4 + kOrders.size();
inline constexpr std::size_t kContactColumns = 11;  // those that ask what the neighbours are
static_assert(kShapeColumns + kContactColumns == kScaleColumns);

// Shapes of all sites that count, and the solid angle of each face as a share of the sphere.
class Shapes {
 public:
  // `sites`: those whose rows are wanted. The view needs directions.
  Shapes(const FaceView& faces, const std::vector<std::size_t>& sites, std::size_t n_threads);

  // Rows of one decoration: (sites.size(), kScaleColumns), shape first. `weights`: per face, its share of the surface.
  void rows(const SpeciesTable& table, const Decoration& decoration, const double* weights, double* rows) const;

 private:
  void contact_row(const SpeciesTable& table, const Decoration& decoration, std::size_t s, const double* weights,
                   double* row) const;

  FaceView faces_;
  std::vector<std::size_t> sites_;
  std::vector<double> rows_, angles_, volumes_;
};

// Statistics of the rows, after the numbers that need no rows.
void write_scale(const SpeciesTable& table, const Decoration& decoration, const Moments& moments, double volume,
                 double* out);

}  // namespace seitz
