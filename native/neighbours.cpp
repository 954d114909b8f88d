#include "neighbours.hpp"

#include <algorithm>
#include <cstring>

namespace seitz {
namespace {

constexpr std::size_t kBinned = 128;  // from this many sites on, bins beat walking over all atoms
constexpr double kMargin = 1e-9;      // ranges are widened by this: a candidate too many costs nothing
constexpr double kWider = 1.0 + kMargin;
constexpr std::size_t kByAtom = 4096;
constexpr double kBallGrowth = 2.0;  // of the radius, while looking for the atom nearest to a point
constexpr double kBinSize = 1.2;     // in units of the spacing: about two atoms to a bin

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
  reach_ = std::min({spacing_, 1.5 * std::sqrt(lattice_.l11 * lattice_.l22), 2.0 * lattice_.l22});
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
  // In a needle or a thin sheet a row of bins is one atom's images over and over: then ask atom by atom.
  by_atom_ = sorted_site_.empty() || (n_sites <= kByAtom && n_bins_[1] * n_bins_[2] <= 16);
}

void Packing::build_bins() {
  const std::size_t n = wrapped_.size();
  for (int c = 0; c < 3; ++c) {
    const double wanted = lattice_.height[c] / (kBinSize * spacing_);
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
    const std::int32_t lo0 = -floor_small(reach.x + f.x), hi0 = floor_small(reach.x - f.x);
    const std::int32_t lo1 = -floor_small(reach.y + f.y), hi1 = floor_small(reach.y - f.y);
    const std::int32_t lo2 = -floor_small(reach.z + f.z), hi2 = floor_small(reach.z - f.z);
    for (std::int32_t k0 = lo0; k0 <= hi0; ++k0) {
      const Vec3 along0 = (f.x + k0) * a;
      for (std::int32_t k1 = lo1; k1 <= hi1; ++k1) {
        const Vec3 along1 = along0 + (f.y + k1) * b;
        for (std::int32_t k2 = lo2; k2 <= hi2; ++k2) {
          const Vec3 to = along1 + (f.z + k2) * c;
          const double d2 = norm2(to);
          if (d2 > outer2 || d2 <= inner2 || (j == site && k0 == 0 && k1 == 0 && k2 == 0)) continue;
          shell.candidates.push_back({to, d2, static_cast<std::int32_t>(j), {k0, k1, k2}});
        }
      }
    }
  }
}

// Rows of bins that may hold points within sqrt(square) of a centre (reduced fractional coordinates), from the centre
// outwards: visit(first slot, last slot, image) may lower `square` on the way. Bins outside [0, n_bins) are images.
template <class Visit>
void Packing::visit_rows(const Vec3& centre, const double& square, Visit&& visit) const {
  const Lattice& l = lattice_;
  const auto m0 = static_cast<double>(n_bins_[0]), m1 = static_cast<double>(n_bins_[1]);
  const auto m2 = static_cast<double>(n_bins_[2]);
  // What is left of the squared radius for a point whose next coordinate lies in [lo, hi]; negative: none.
  const auto left = [](double whole, double lo, double hi) {
    const double nearest = lo > 0.0 ? lo : (hi < 0.0 ? hi : 0.0);
    return whole - nearest * nearest;
  };
  const auto both_ways = [](std::int64_t middle, auto&& body) {
    for (std::int64_t u = middle; body(u);) ++u;
    for (std::int64_t u = middle - 1; body(u);) --u;
  };
  both_ways(floor_int(centre.x * m0), [&](std::int64_t u0) {
    const double d0 = static_cast<double>(u0) / m0 - centre.x, e0 = d0 + 1.0 / m0;
    if (left(square * kWider, d0 * l.l00, e0 * l.l00) < 0.0) return false;
    const std::int64_t k0 = floor_div(u0, n_bins_[0]);
    const auto slab = static_cast<std::size_t>((u0 - k0 * n_bins_[0]) * n_bins_[1] * n_bins_[2]);
    if (bin_start_[slab] == bin_start_[slab + static_cast<std::size_t>(n_bins_[1] * n_bins_[2])]) return true;  // void
    const double lo1 = std::min(d0 * l.l10, e0 * l.l10), hi1 = std::max(d0 * l.l10, e0 * l.l10);
    const double lo2 = std::min(d0 * l.l20, e0 * l.l20), hi2 = std::max(d0 * l.l20, e0 * l.l20);
    both_ways(floor_int((centre.y - 0.5 * (lo1 + hi1) / l.l11) * m1), [&](std::int64_t u1) {
      const double d1 = static_cast<double>(u1) / m1 - centre.y, e1 = d1 + 1.0 / m1;
      const auto left1 = [&] {
        return left(left(square * kWider, d0 * l.l00, e0 * l.l00), d1 * l.l11 + lo1, e1 * l.l11 + hi1);
      };
      if (left1() < 0.0) return false;
      const double shift_lo = lo2 + std::min(d1 * l.l21, e1 * l.l21);
      const double shift_hi = hi2 + std::max(d1 * l.l21, e1 * l.l21);
      const std::int64_t k1 = floor_div(u1, n_bins_[1]);
      const std::size_t row = slab + static_cast<std::size_t>((u1 - k1 * n_bins_[1]) * n_bins_[2]);
      if (bin_start_[row] == bin_start_[row + static_cast<std::size_t>(n_bins_[2])]) return true;
      both_ways(floor_int(centre.z - 0.5 * (shift_lo + shift_hi) / l.l22), [&](std::int64_t k2) {
        const double reach = std::sqrt(std::max(left1(), 0.0));
        const std::int64_t first = floor_int((centre.z - (reach + shift_hi) / l.l22) * m2 - kMargin);
        const std::int64_t last = floor_int((centre.z + (reach - shift_lo) / l.l22) * m2 + kMargin);
        const std::int64_t from = std::max<std::int64_t>(first - k2 * n_bins_[2], 0);
        const std::int64_t to = std::min<std::int64_t>(last - k2 * n_bins_[2], n_bins_[2] - 1);
        if (from > to) return false;
        visit(bin_start_[row + static_cast<std::size_t>(from)], bin_start_[row + static_cast<std::size_t>(to) + 1],
              Image{static_cast<std::int32_t>(k0), static_cast<std::int32_t>(k1), static_cast<std::int32_t>(k2)});
        return true;
      });
      return true;
    });
    return true;
  });
}

void Packing::gather_bins(std::size_t site, double inner2, double outer, Shell& shell) const {
  const double outer2 = outer * outer;
  const Vec3 position = lattice_.cartesian(wrapped_[site]);
  visit_rows(wrapped_[site], outer2, [&](std::size_t first, std::size_t last, const Image& image) {
    const bool home = image == Image{0, 0, 0};
    const Vec3 shift = translation(image) - position;
    for (std::size_t slot = first; slot < last; ++slot) {
      const Vec3 to = sorted_position_[slot] + shift;
      const double d2 = norm2(to);
      if (d2 > outer2 || d2 <= inner2) continue;
      const std::int32_t j = sorted_site_[slot];
      if (home && static_cast<std::size_t>(j) == site) continue;
      shell.candidates.push_back({to, d2, j, image});
    }
  });
}

namespace {

// Integers from the one nearest to -offset outwards: visit(k) until it returns false.
template <class Visit>
void outwards(double offset, Visit&& visit) {
  const double first = std::round(-offset);
  const double side = -offset >= first ? 1.0 : -1.0;  // the second nearest lies there
  if (!visit(first)) return;
  for (double step = 1.0;; step += 1.0) {
    if (!visit(first + side * step) || !visit(first - side * step)) return;
  }
}

}  // namespace

// The image of one atom that is nearest to a point, `offset` (reduced fractional) away from it, if within
// sqrt(best): visit(image) and smaller `best`, every time a nearer one is found. Planes, rows and points are taken from
// the middle outwards, so that hardly more than the answer is looked at (Schnorr & Euchner, Math. Program. 66, 181,
// 1994).
template <class Visit>
void Packing::nearest_image(const Vec3& offset, double& best, Visit&& visit) const {
  const Lattice& l = lattice_;
  outwards(offset.x, [&](double k0) {
    const double f0 = offset.x + k0, x0 = f0 * l.l00, left0 = x0 * x0;
    if (left0 >= best) return false;
    outwards(offset.y + f0 * l.l10 / l.l11, [&](double k1) {
      const double f1 = offset.y + k1, x1 = f0 * l.l10 + f1 * l.l11, left1 = left0 + x1 * x1;
      if (left1 >= best) return false;
      outwards(offset.z + (f0 * l.l20 + f1 * l.l21) / l.l22, [&](double k2) {
        const double x2 = f0 * l.l20 + f1 * l.l21 + (offset.z + k2) * l.l22;
        if (left1 + x2 * x2 >= best) return false;
        visit(Image{static_cast<std::int32_t>(k0), static_cast<std::int32_t>(k1), static_cast<std::int32_t>(k2)});
        return true;
      });
      return true;
    });
    return true;
  });
}

bool Packing::nearest_to(std::size_t site, const Vec3& point, double margin, Candidate& found) const {
  const double limit = std::max(std::sqrt(norm2(point)) - margin, 0.0);
  const Vec3 position = lattice_.cartesian(wrapped_[site]);
  const Vec3 centre = wrapped_[site] + lattice_.fractional(point);
  double best = limit * limit;
  bool any = false;
  const auto consider = [&](const Vec3& to, std::size_t j, const Image& image) {
    const double d2 = norm2(to - point);
    if (d2 >= best || (j == site && image == Image{0, 0, 0})) return;
    best = d2;
    found = {to, norm2(to), static_cast<std::int32_t>(j), image};
    any = true;
  };
  if (by_atom_) {
    for (std::size_t j = 0; j < wrapped_.size(); ++j) {
      const Vec3 home = lattice_.cartesian(wrapped_[j] - wrapped_[site]);
      nearest_image(wrapped_[j] - centre, best,
                    [&](const Image& image) { consider(home + translation(image), j, image); });
    }
    return any;
  }
  // From the point outwards, so that a dense neighbourhood is left at once.
  for (double radius = std::min(reach_, limit);; radius = std::min(kBallGrowth * radius, limit)) {
    best = radius * radius;
    visit_rows(centre, best, [&](std::size_t first, std::size_t last, const Image& image) {
      const Vec3 shift = translation(image) - position;
      for (std::size_t slot = first; slot < last; ++slot) {
        consider(sorted_position_[slot] + shift, static_cast<std::size_t>(sorted_site_[slot]), image);
      }
    });
    if (any || radius >= limit) return any;
  }
}

bool Packing::input_image(std::size_t site, std::size_t neighbour, const Image& reduced, Image& image) const {
  const auto& from = wrap_[site];
  const auto& to = wrap_[neighbour];
  return lattice_.input_image(reduced[0] - to[0] + from[0], reduced[1] - to[1] + from[1], reduced[2] - to[2] + from[2],
                              image);
}

}  // namespace seitz
