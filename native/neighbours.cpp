#include "neighbours.hpp"

#include <algorithm>
#include <cstring>

namespace seitz {
namespace {

constexpr std::size_t kBinned = 128;  // from this many sites on, bins beat walking over all atoms
constexpr double kMargin = 1e-9;      // ranges are widened by this: a candidate too many costs nothing

std::int64_t floor_int(double value) {
  const auto truncated = static_cast<std::int64_t>(value);
  return truncated - (static_cast<double>(truncated) > value ? 1 : 0);
}

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

}  // namespace

void Shell::sort() {
  order.resize(candidates.size());
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    // The bits of a positive float sort like the float; single precision is order enough (see CellBuilder).
    const auto key = static_cast<float>(candidates[i].distance2);
    std::uint32_t bits = 0;
    std::memcpy(&bits, &key, sizeof bits);
    order[i] = (static_cast<std::uint64_t>(bits) << 32U) | i;
  }
  std::sort(order.begin(), order.end());
}

Packing::Packing(const double* lattice_rows, const double* frac_coords, std::size_t n_sites)
    : lattice_(lattice_rows), spacing_(std::cbrt(lattice_.volume / static_cast<double>(n_sites))) {
  wrapped_.resize(n_sites);
  wrap_.resize(n_sites);
  for (std::size_t i = 0; i < n_sites; ++i) {
    const Vec3 f = lattice_.reduced_fractional(frac_coords + 3 * i);
    const std::array<double, 3> value{f.x, f.y, f.z};
    std::array<double, 3> inside{};
    for (int c = 0; c < 3; ++c) {
      std::int64_t shift = floor_int(value[c]);
      inside[c] = value[c] - static_cast<double>(shift);
      if (inside[c] >= 1.0) {  // -1e-20 rounds up to one
        inside[c] = 0.0;
        ++shift;
      }
      wrap_[i][c] = shift;
    }
    wrapped_[i] = {inside[0], inside[1], inside[2]};
  }
  if (n_sites > kBinned) {
    build_bins();
  }
}

void Packing::build_bins() {
  const std::size_t n = wrapped_.size();
  for (int c = 0; c < 3; ++c) {
    const double wanted = lattice_.height[c] / spacing_;
    n_bins_[c] = std::clamp<std::int64_t>(floor_int(wanted), 1, static_cast<std::int64_t>(n));
  }
  const auto total = static_cast<std::size_t>(n_bins_[0] * n_bins_[1] * n_bins_[2]);
  std::vector<std::uint32_t> bin(n);
  bin_start_.assign(total + 1, 0);
  for (std::size_t i = 0; i < n; ++i) {
    const std::array<double, 3> f{wrapped_[i].x, wrapped_[i].y, wrapped_[i].z};
    std::int64_t index = 0;
    for (int c = 0; c < 3; ++c) {
      const auto b = static_cast<std::int64_t>(f[c] * static_cast<double>(n_bins_[c]));
      index = index * n_bins_[c] + std::min(b, n_bins_[c] - 1);
    }
    bin[i] = static_cast<std::uint32_t>(index);
    ++bin_start_[static_cast<std::size_t>(index) + 1];
  }
  for (std::size_t b = 0; b < total; ++b) {
    bin_start_[b + 1] += bin_start_[b];
  }
  sorted_site_.resize(n);
  sorted_position_.resize(n);
  std::vector<std::uint32_t> next(bin_start_.begin(), bin_start_.end() - 1);
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t slot = next[bin[i]]++;
    sorted_site_[slot] = static_cast<std::int32_t>(i);
    sorted_position_[slot] = lattice_.cartesian(wrapped_[i]);
  }
}

void Packing::gather(std::size_t site, double inner, double outer, Shell& shell) const {
  const double inner2 = inner > 0.0 ? inner * inner : -1.0;
  if (sorted_site_.empty()) {
    gather_images(site, inner2, outer, shell);
  } else {
    gather_bins(site, inner2, outer, shell);
  }
}

// Few sites: for every atom the exact integer ranges of images with |f + k| * height <= outer on each axis.
void Packing::gather_images(std::size_t site, double inner2, double outer, Shell& shell) const {
  const double outer2 = outer * outer;
  const Vec3 reach{outer / lattice_.height[0] + kMargin, outer / lattice_.height[1] + kMargin,
                   outer / lattice_.height[2] + kMargin};
  const Vec3 centre = wrapped_[site];
  const auto& [a, b, c] = lattice_.basis;
  const std::size_t n = wrapped_.size();
  for (std::size_t j = 0; j < n; ++j) {
    const Vec3 f = wrapped_[j] - centre;
    const std::int64_t lo0 = -floor_int(reach.x + f.x), hi0 = floor_int(reach.x - f.x);
    const std::int64_t lo1 = -floor_int(reach.y + f.y), hi1 = floor_int(reach.y - f.y);
    const std::int64_t lo2 = -floor_int(reach.z + f.z), hi2 = floor_int(reach.z - f.z);
    for (std::int64_t k0 = lo0; k0 <= hi0; ++k0) {
      const Vec3 along0 = (f.x + static_cast<double>(k0)) * a;
      for (std::int64_t k1 = lo1; k1 <= hi1; ++k1) {
        const Vec3 along1 = along0 + (f.y + static_cast<double>(k1)) * b;
        for (std::int64_t k2 = lo2; k2 <= hi2; ++k2) {
          const Vec3 to = along1 + (f.z + static_cast<double>(k2)) * c;
          const double d2 = norm2(to);
          if (d2 > outer2 || d2 <= inner2 || (j == site && k0 == 0 && k1 == 0 && k2 == 0)) continue;
          shell.candidates.push_back({to, d2, static_cast<std::int32_t>(j),
                                      {static_cast<std::int32_t>(k0), static_cast<std::int32_t>(k1),
                                       static_cast<std::int32_t>(k2)}});
        }
      }
    }
  }
}

void Packing::gather_row(std::size_t first, std::size_t last, const Vec3& shift, const Image& image, std::size_t site,
                         double inner2, double outer2, Shell& shell) const {
  for (std::size_t slot = first; slot < last; ++slot) {
    const Vec3 to = sorted_position_[slot] + shift;
    const double d2 = norm2(to);
    if (d2 > outer2 || d2 <= inner2) continue;
    const std::int32_t j = sorted_site_[slot];
    if (static_cast<std::size_t>(j) == site && image == Image{0, 0, 0}) continue;
    shell.candidates.push_back({to, d2, j, image});
  }
}

// Many sites: the bins that the sphere's bounding box touches, row by row; bins outside [0, n_bins) are images.
void Packing::gather_bins(std::size_t site, double inner2, double outer, Shell& shell) const {
  const double outer2 = outer * outer;
  const Vec3 centre = wrapped_[site];
  const Vec3 position = lattice_.cartesian(centre);
  const std::array<double, 3> f{centre.x, centre.y, centre.z};
  std::array<std::int64_t, 3> lo{}, hi{};
  for (int c = 0; c < 3; ++c) {
    const double reach = outer / lattice_.height[c] + kMargin;
    lo[c] = floor_int((f[c] - reach) * static_cast<double>(n_bins_[c]));
    hi[c] = floor_int((f[c] + reach) * static_cast<double>(n_bins_[c]));
  }
  for (std::int64_t u0 = lo[0]; u0 <= hi[0]; ++u0) {
    const std::int64_t k0 = floor_div(u0, n_bins_[0]), b0 = u0 - k0 * n_bins_[0];
    for (std::int64_t u1 = lo[1]; u1 <= hi[1]; ++u1) {
      const std::int64_t k1 = floor_div(u1, n_bins_[1]), b1 = u1 - k1 * n_bins_[1];
      const auto row = static_cast<std::size_t>((b0 * n_bins_[1] + b1) * n_bins_[2]);
      for (std::int64_t k2 = floor_div(lo[2], n_bins_[2]); k2 * n_bins_[2] <= hi[2]; ++k2) {
        const std::int64_t from = std::max<std::int64_t>(lo[2] - k2 * n_bins_[2], 0);
        const std::int64_t to = std::min<std::int64_t>(hi[2] - k2 * n_bins_[2], n_bins_[2] - 1);
        const Vec3 shift =
            lattice_.cartesian({static_cast<double>(k0), static_cast<double>(k1), static_cast<double>(k2)}) - position;
        gather_row(bin_start_[row + static_cast<std::size_t>(from)], bin_start_[row + static_cast<std::size_t>(to) + 1],
                   shift,
                   {static_cast<std::int32_t>(k0), static_cast<std::int32_t>(k1), static_cast<std::int32_t>(k2)}, site,
                   inner2, outer2, shell);
      }
    }
  }
}

Image Packing::input_image(std::size_t site, std::size_t neighbour, const Image& reduced) const {
  const auto& from = wrap_[site];
  const auto& to = wrap_[neighbour];
  return lattice_.input_image(reduced[0] - to[0] + from[0], reduced[1] - to[1] + from[1], reduced[2] - to[2] + from[2]);
}

}  // namespace seitz
