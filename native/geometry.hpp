// Vectors and the few integer types shared by all kernels.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

namespace seitz {

using Image = std::array<std::int32_t, 3>;  // lattice translation, in lattice vectors

struct Vec3 {
  double x = 0.0, y = 0.0, z = 0.0;
};

inline Vec3 operator+(const Vec3& a, const Vec3& b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
inline Vec3 operator-(const Vec3& a, const Vec3& b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
inline Vec3 operator*(double s, const Vec3& a) { return {s * a.x, s * a.y, s * a.z}; }
inline double dot(const Vec3& a, const Vec3& b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline double norm2(const Vec3& a) { return dot(a, a); }
inline Vec3 cross(const Vec3& a, const Vec3& b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

// Largest integer below, for image ranges, where |value| is small: the sum is positive, so truncation rounds down. Its
// error of 2e-10 must not matter: widen a range that has to be complete.
inline std::int32_t floor_small(double value) {
  constexpr std::int32_t kOffset = 1048576;
  return static_cast<std::int32_t>(value + kOffset) - kOffset;
}

}  // namespace seitz
