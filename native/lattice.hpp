// A lattice in its Minkowski-reduced basis, with the integer map back to the basis it was given in.
#pragma once

#include "geometry.hpp"

namespace seitz {

struct Lattice {
  std::array<Vec3, 3> basis;       // reduced, right-handed, longest vector first
  std::array<Vec3, 3> reciprocal;  // basis[i] . reciprocal[j] = (i == j)
  std::array<double, 3> height;    // distance between neighbouring lattice planes, per axis
  // The basis in a frame of its own, where it is a lower triangular matrix: a point f has the coordinates
  // f0 l00, f0 l10 + f1 l11 and f0 l20 + f1 l21 + f2 l22. So lattice planes, and rows within a plane, that pass a
  // sphere are known before any point is formed.
  double l00 = 0.0, l10 = 0.0, l11 = 0.0, l20 = 0.0, l21 = 0.0, l22 = 0.0;
  double volume = 0.0;
  std::array<std::array<std::int64_t, 3>, 3> from_input{};  // basis = from_input * input rows
  std::array<std::array<std::int64_t, 3>, 3> to_input{};    // input rows = to_input * basis

  // `rows`: nine doubles, one lattice vector after the other; finite and not coplanar.
  explicit Lattice(const double* rows);

  Vec3 fractional(const Vec3& r) const { return {dot(r, reciprocal[0]), dot(r, reciprocal[1]), dot(r, reciprocal[2])}; }
  Vec3 cartesian(const Vec3& f) const { return f.x * basis[0] + f.y * basis[1] + f.z * basis[2]; }

  // Fractional coordinates in the reduced basis of a point given in the input basis.
  Vec3 reduced_fractional(const double* f) const;

  // A translation of the reduced basis, in vectors of the input basis.
  // False where the translation does not fit, as in lattices that are skewed beyond any use.
  bool input_image(std::int64_t k0, std::int64_t k1, std::int64_t k2, Image& image) const;
};

}  // namespace seitz
