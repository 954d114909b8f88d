#include "lattice.hpp"

#include <utility>

namespace seitz {
namespace {

using Matrix = std::array<std::array<std::int64_t, 3>, 3>;

struct Basis {
  std::array<Vec3, 3> v;
  Matrix m;  // v = m * input rows

  void add(int target, double multiple, int source) {
    v[target] = v[target] + multiple * v[source];
    const auto k = static_cast<std::int64_t>(multiple);
    for (int c = 0; c < 3; ++c) {
      m[target][c] += k * m[source][c];
    }
  }
  void swap(int i, int j) {
    std::swap(v[i], v[j]);
    std::swap(m[i], m[j]);
  }
  void sort() {
    if (norm2(v[1]) < norm2(v[0])) swap(0, 1);
    if (norm2(v[2]) < norm2(v[1])) swap(1, 2);
    if (norm2(v[1]) < norm2(v[0])) swap(0, 1);
  }
};

constexpr double kShorter = 1.0 - 1e-12;  // ties must not make the loop run for ever

// Gauss reduction of the two shortest vectors.
void reduce_plane(Basis& b) {
  for (int step = 0; step < 1000; ++step) {
    const double k = std::round(dot(b.v[0], b.v[1]) / norm2(b.v[0]));
    if (k == 0.0) return;
    const double before = norm2(b.v[1]);
    b.add(1, -k, 0);
    if (norm2(b.v[1]) >= norm2(b.v[0]) || norm2(b.v[1]) >= before * kShorter) return;
    b.swap(0, 1);
  }
}

// Subtract from the third vector the point of the plane lattice that leaves it shortest.
void reduce_third(Basis& b) {
  const double g00 = norm2(b.v[0]), g01 = dot(b.v[0], b.v[1]), g11 = norm2(b.v[1]);
  const double p0 = dot(b.v[2], b.v[0]), p1 = dot(b.v[2], b.v[1]);
  const double det = g00 * g11 - g01 * g01;
  if (!(det > 0.0)) return;
  const double x = std::floor((p0 * g11 - p1 * g01) / det), y = std::floor((p1 * g00 - p0 * g01) / det);
  double best = norm2(b.v[2]), best_i = 0.0, best_j = 0.0;
  for (int di = -1; di <= 2; ++di) {
    for (int dj = -1; dj <= 2; ++dj) {
      const double i = x + di, j = y + dj;
      const double length = norm2(b.v[2] - i * b.v[0] - j * b.v[1]);
      if (length < best * kShorter) {
        best = length;
        best_i = i;
        best_j = j;
      }
    }
  }
  b.add(2, -best_i, 0);
  b.add(2, -best_j, 1);
}

Matrix inverse_unimodular(const Matrix& m) {
  Matrix adjugate;
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) {
      const int r0 = (j + 1) % 3, r1 = (j + 2) % 3, c0 = (i + 1) % 3, c1 = (i + 2) % 3;
      adjugate[i][j] = m[r0][c0] * m[r1][c1] - m[r0][c1] * m[r1][c0];
    }
  }
  const std::int64_t det = m[0][0] * adjugate[0][0] + m[0][1] * adjugate[1][0] + m[0][2] * adjugate[2][0];
  for (auto& row : adjugate) {
    for (auto& value : row) value *= det;  // det is 1 or -1
  }
  return adjugate;
}

}  // namespace

// Greedy reduction in three dimensions (Nguyen & Stehle, ACM Trans. Algorithms 5, 46, 2009): a reduced basis bounds
// every image search by short integer ranges, however sheared the input is.
Lattice::Lattice(const double* rows) {
  Basis b{{{{rows[0], rows[1], rows[2]}, {rows[3], rows[4], rows[5]}, {rows[6], rows[7], rows[8]}}},
          {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}}};
  for (int step = 0; step < 1000; ++step) {
    b.sort();
    reduce_plane(b);
    const double before = norm2(b.v[2]);
    reduce_third(b);
    if (norm2(b.v[2]) >= norm2(b.v[1]) || norm2(b.v[2]) >= before * kShorter) break;
  }
  b.sort();
  b.swap(0, 2);
  volume = dot(b.v[0], cross(b.v[1], b.v[2]));
  if (volume < 0.0) {
    b.v[0] = -1.0 * b.v[0];
    for (auto& value : b.m[0]) value = -value;
    volume = -volume;
  }
  basis = b.v;
  from_input = b.m;
  to_input = inverse_unimodular(b.m);
  for (int i = 0; i < 3; ++i) {
    reciprocal[i] = (1.0 / volume) * cross(basis[(i + 1) % 3], basis[(i + 2) % 3]);
    height[i] = 1.0 / std::sqrt(norm2(reciprocal[i]));
  }
  const Vec3 normal = height[0] * reciprocal[0];
  l22 = std::sqrt(norm2(basis[2]));
  const Vec3 along = (1.0 / l22) * basis[2];
  const Vec3 across = cross(along, normal);
  l00 = height[0];
  l10 = dot(basis[0], across);
  l20 = dot(basis[0], along);
  l11 = dot(basis[1], across);
  l21 = dot(basis[1], along);
}

Vec3 Lattice::reduced_fractional(const double* f) const {
  std::array<double, 3> g{};
  for (int c = 0; c < 3; ++c) {
    g[c] = f[0] * static_cast<double>(to_input[0][c]) + f[1] * static_cast<double>(to_input[1][c]) +
           f[2] * static_cast<double>(to_input[2][c]);
  }
  return {g[0], g[1], g[2]};
}

bool Lattice::input_image(std::int64_t k0, std::int64_t k1, std::int64_t k2, Image& image) const {
  constexpr std::int64_t kLargest = 536870912;  // 2^29, so that a few of them can be added
  for (int c = 0; c < 3; ++c) {
    const std::int64_t k = k0 * from_input[0][c] + k1 * from_input[1][c] + k2 * from_input[2][c];
    if (k > kLargest || k < -kLargest) return false;
    image[c] = static_cast<std::int32_t>(k);
  }
  return true;
}

}  // namespace seitz
