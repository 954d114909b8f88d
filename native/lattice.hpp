// A lattice in its Minkowski-reduced basis, with the integer map back to the basis it was given in.
#pragma once

#include "geometry.hpp"

namespace seitz {

struct Lattice {
  std::array<Vec3, 3> basis;       // reduced, right-handed, shortest vector first
  std::array<Vec3, 3> reciprocal;  // basis[i] . reciprocal[j] = (i == j)
  std::array<double, 3> height;    // distance between neighbouring lattice planes, per axis
  double volume = 0.0;
  std::array<std::array<std::int64_t, 3>, 3> from_input{};  // basis = from_input * input rows
  std::array<std::array<std::int64_t, 3>, 3> to_input{};    // input rows = to_input * basis

  // `rows`: nine doubles, one lattice vector after the other; finite and not coplanar.
  explicit Lattice(const double* rows);

  Vec3 cartesian(const Vec3& f) const { return f.x * basis[0] + f.y * basis[1] + f.z * basis[2]; }

  // Fractional coordinates in the reduced basis of a point given in the input basis.
  Vec3 reduced_fractional(const double* f) const;

  // A translation of the reduced basis, in vectors of the input basis.
  Image input_image(std::int64_t k0, std::int64_t k1, std::int64_t k2) const;
};

}  // namespace seitz
