#include "ewald.hpp"

#include <algorithm>
#include <cmath>

#include "parallel.hpp"
#include "tessellation.hpp"

namespace seitz {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kReach = 4.1;      // both sums end where terms fall below exp(-kReach^2) = 5e-8: potentials to 1e-6 eV
constexpr double kBalance = 1.4;    // a wave costs less than a neighbour: screen a little more than symmetry asks for
constexpr std::size_t kChunk = 64;  // sites whose phases are kept at a time
constexpr std::size_t kByPairs = 128;  // up to so many sites, every pair and its images; beyond, by bins

// The loops that Ewald sums spend their time in are compiled for wide registers, too. Lanes are added up in one order
// everywhere, and nothing is contracted: all versions give the same bytes.
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__GLIBC__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define SEITZ_WIDE __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define SEITZ_WIDE
#endif

// erfc(sqrt(s)) / sqrt(s) as a cubic on each of many intervals, to 1e-9 of its value at s = 1; below, by its formula.
class Screened {
 public:
  Screened() {
    double value = exact(kFirst), slope = slope_at(kFirst);
    for (std::size_t k = 0; k < kIntervals; ++k) {
      const double s = kFirst + static_cast<double>(k + 1) / kPerUnit, next = exact(s), next_slope = slope_at(s);
      zeroth_[k] = value;
      first_[k] = slope;
      second_[k] = 3.0 * (next - value) - 2.0 * slope - next_slope;
      third_[k] = 2.0 * (value - next) + slope + next_slope;
      value = next;
      slope = next_slope;
    }
  }

  // In place, for s up to kReach^2.
  void of(double* s, std::size_t n) const {
    for (std::size_t i = 0; i < n; ++i) {  // few: neighbours that are close
      if (s[i] < kFirst) s[i] = -exact(s[i]);
    }
    interpolate(zeroth_.data(), first_.data(), second_.data(), third_.data(), s, n);
  }

 private:
  static double exact(double s) { return std::erfc(std::sqrt(s)) / std::sqrt(s); }
  static double slope_at(double s) {  // per interval
    return (-0.5 * exact(s) / s - std::exp(-s) / (std::sqrt(kPi) * s)) / kPerUnit;
  }
  // Leaves alone what is known, with the other sign.
  SEITZ_WIDE static void interpolate(const double* c0, const double* c1, const double* c2, const double* c3, double* s,
                                     std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      const double x = std::max(0.0, (s[i] - kFirst) * kPerUnit);
      const auto k = static_cast<std::int32_t>(x);
      const double t = x - static_cast<double>(k);
      const double value = c0[k] + t * (c1[k] + t * (c2[k] + t * c3[k]));
      s[i] = s[i] < 0.0 ? -s[i] : value;
    }
  }

  static constexpr double kFirst = 1.0, kPerUnit = 64.0;
  static constexpr std::size_t kIntervals = 1056;  // to s = 17.5 > kReach^2
  std::array<double, kIntervals> zeroth_, first_, second_, third_;
};

const Screened& screened() {
  static const Screened table;
  return table;
}

// Complex numbers of a few sites: real parts, then imaginary ones, each padded with zeros to whole lanes.
constexpr std::size_t kLanes = 4;
using Factor = std::array<double, 2 * kChargeSets>;  // real and imaginary part by set

// out = z p, or z times the conjugate of p for sign = -1.
SEITZ_WIDE void multiply(const double* __restrict z, const double* __restrict p, double sign, std::size_t n,
                         double* __restrict out) {
  for (std::size_t j = 0; j < n; ++j) {
    const double re = p[j], im = sign * p[n + j];
    out[j] = z[j] * re - z[n + j] * im;
    out[n + j] = z[j] * im + z[n + j] * re;
  }
}

// sum_j q_j z_j for both sets of charges (n each).
SEITZ_WIDE void add_up(const double* __restrict z, const double* __restrict q, std::size_t n, Factor& sum) {
  std::array<double, 4 * kLanes> lanes{};
  for (std::size_t j = 0; j < n; j += kLanes) {
    for (std::size_t k = 0; k < kLanes; ++k) {
      lanes[k] += q[j + k] * z[j + k];
      lanes[kLanes + k] += q[j + k] * z[n + j + k];
      lanes[2 * kLanes + k] += q[n + j + k] * z[j + k];
      lanes[3 * kLanes + k] += q[n + j + k] * z[n + j + k];
    }
  }
  for (std::size_t part = 0; part < 4; ++part) {
    const double* lane = lanes.data() + part * kLanes;
    sum[part] += (lane[0] + lane[1]) + (lane[2] + lane[3]);
  }
}

// out_j += Re(factor conj(z_j)) for both sets (n each).
SEITZ_WIDE void spread(const double* __restrict z, const Factor& factor, double weight, std::size_t n,
                       double* __restrict out) {
  const double a = weight * factor[0], b = weight * factor[1], c = weight * factor[2], d = weight * factor[3];
  for (std::size_t j = 0; j < n; ++j) {
    out[j] += a * z[j] + b * z[n + j];
    out[n + j] += c * z[j] + d * z[n + j];
  }
}

}  // namespace

// exp(i g r) of a chunk of sites for one wave after the other, as products of powers along the three axes; with the
// charges of these sites, and their potentials in the making.
class Ewald::Chunk {
 public:
  Chunk(const Ewald& sums, const std::vector<Charges>& charges, std::size_t first, std::size_t last)
      : n_((last - first + kLanes - 1) / kLanes * kLanes), charges_(2 * n_, 0.0), potentials_(2 * n_, 0.0) {
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const auto highest = static_cast<std::size_t>(sums.highest_[axis]);
      powers_[axis].assign((highest + 1) * 2 * n_, 0.0);
      double* powers = powers_[axis].data();
      std::fill(powers, powers + n_, 1.0);
      if (highest == 0) continue;
      for (std::size_t j = 0; j < last - first; ++j) {
        const Vec3& f = sums.packing_.wrapped(first + j);
        const double angle = 2.0 * kPi * (axis == 0 ? f.x : axis == 1 ? f.y : f.z);
        powers[2 * n_ + j] = std::cos(angle);
        powers[3 * n_ + j] = std::sin(angle);
      }
      for (std::size_t h = 2; h <= highest; ++h) {
        multiply(powers + 2 * (h - 1) * n_, powers + 2 * n_, 1.0, n_, powers + 2 * h * n_);
      }
    }
    for (std::size_t j = 0; j < last - first; ++j) {
      for (std::size_t set = 0; set < kChargeSets; ++set) charges_[set * n_ + j] = charges[first + j][set];
    }
    plane_.resize(2 * n_);
    phases_.resize(2 * n_);
  }

  void go_to(const Wave& wave) {
    if (!any_ || wave.index[0] != now_[0] || wave.index[1] != now_[1]) {
      multiply(power(0, wave.index[0]), power(1, wave.index[1]), sign_of(wave.index[1]), n_, plane_.data());
      any_ = true;
    }
    now_ = wave.index;
    multiply(plane_.data(), power(2, wave.index[2]), sign_of(wave.index[2]), n_, phases_.data());
  }
  void add_to(Factor& factor) const { add_up(phases_.data(), charges_.data(), n_, factor); }
  void take(const Factor& factor, double weight) { spread(phases_.data(), factor, weight, n_, potentials_.data()); }
  Charges potential(std::size_t j) const { return {potentials_[j], potentials_[n_ + j]}; }

 private:
  static double sign_of(std::int32_t index) { return index < 0 ? -1.0 : 1.0; }  // powers are kept of positive ones
  const double* power(std::size_t axis, std::int32_t index) const {
    return powers_[axis].data() + 2 * static_cast<std::size_t>(std::abs(index)) * n_;
  }

  std::size_t n_;
  std::vector<double> charges_, potentials_;
  std::array<std::vector<double>, 3> powers_;
  std::vector<double> plane_, phases_;
  std::array<std::int32_t, 3> now_{};
  bool any_ = false;
};

Ewald::Ewald(const Packing& packing) : packing_(packing) {
  const Lattice& lattice = packing.lattice();
  const auto n = static_cast<double>(packing.size());
  width_ = kBalance * std::sqrt(kPi) * std::pow(n / (lattice.volume * lattice.volume), 1.0 / 6.0);
  radius_ = kReach / width_;
  const double shortest = 2.0 * width_ * kReach / (2.0 * kPi);  // in turns per angstrom, as the reciprocal basis
  // |g| <= shortest, so its component along each lattice vector is at most |basis| * shortest.
  for (std::size_t axis = 0; axis < 3; ++axis) {
    highest_[axis] = static_cast<std::int32_t>(std::sqrt(norm2(lattice.basis[axis])) * shortest);
  }
  for (std::int32_t h = 0; h <= highest_[0]; ++h) {
    for (std::int32_t k = h == 0 ? 0 : -highest_[1]; k <= highest_[1]; ++k) {
      const Vec3 row = static_cast<double>(h) * lattice.reciprocal[0] + static_cast<double>(k) * lattice.reciprocal[1];
      for (std::int32_t l = h == 0 && k == 0 ? 1 : -highest_[2]; l <= highest_[2]; ++l) {
        const double g2 = norm2(row + static_cast<double>(l) * lattice.reciprocal[2]);
        if (g2 > shortest * shortest) continue;
        const double k2 = 4.0 * kPi * kPi * g2;
        waves_.push_back({{h, k, l}, 2.0 * 4.0 * kPi / lattice.volume * std::exp(-k2 / (4.0 * width_ * width_)) / k2});
      }
    }
  }
}

// Squared distances to all images of another site that are near, in units of the width. The innermost lattice vector is
// along the last axis of the lattice's own frame, so the images within a sphere are an interval of each row.
void Ewald::find_images(std::size_t site, std::size_t other, std::vector<double>& found) const {
  const Lattice& l = packing_.lattice();
  const Vec3 f = packing_.wrapped(other) - packing_.wrapped(site);
  const double square = radius_ * radius_, scale = width_ * width_;
  const double by0 = 1.0 / l.l00, by1 = 1.0 / l.l11, by2 = 1.0 / l.l22;
  const std::int32_t last0 = floor_small(radius_ * by0 - f.x);
  for (std::int32_t k0 = -floor_small(radius_ * by0 + f.x); k0 <= last0; ++k0) {
    const double f0 = f.x + k0, x0 = f0 * l.l00, left0 = std::max(0.0, square - x0 * x0);
    const double half1 = std::sqrt(left0) * by1, at1 = f0 * l.l10 * by1 + f.y;
    const std::int32_t last1 = floor_small(half1 - at1);
    for (std::int32_t k1 = -floor_small(half1 + at1); k1 <= last1; ++k1) {
      const double f1 = f.y + k1, x1 = f0 * l.l10 + f1 * l.l11, left1 = std::max(0.0, left0 - x1 * x1);
      const double half2 = std::sqrt(left1) * by2, at2 = (f0 * l.l20 + f1 * l.l21) * by2 + f.z;
      const double across = scale * (x0 * x0 + x1 * x1);
      const std::int32_t last2 = floor_small(half2 - at2);
      for (std::int32_t k2 = -floor_small(half2 + at2); k2 <= last2; ++k2) {
        const double x2 = (at2 + k2) * l.l22;
        if (site != other || k0 != 0 || k1 != 0 || k2 != 0) found.push_back(across + scale * x2 * x2);
      }
    }
  }
}

// Few sites: by pairs, which serve both ways where all sites are wanted.
void Ewald::add_near_pairs(const std::vector<Charges>& charges, const std::vector<std::size_t>& sites,
                           std::vector<Charges>& found) const {
  const std::size_t n = packing_.size();
  const bool all = sites.size() == n;
  std::vector<double> values;
  std::vector<std::size_t> ends(n);
  for (std::size_t s = 0; s < sites.size(); ++s) {
    const std::size_t first = all ? s : 0;
    values.clear();
    for (std::size_t other = first; other < n; ++other) {
      find_images(sites[s], other, values);
      ends[other] = values.size();
    }
    screened().of(values.data(), values.size());
    std::size_t next = 0;
    for (std::size_t other = first; other < n; ++other) {
      double value = 0.0;
      for (; next < ends[other]; ++next) value += values[next];
      value *= width_;
      for (std::size_t set = 0; set < kChargeSets; ++set) found[s][set] += value * charges[other][set];
      if (!all || other == s) continue;
      for (std::size_t set = 0; set < kChargeSets; ++set) found[other][set] += value * charges[s][set];
    }
  }
}

void Ewald::add_near(const std::vector<Charges>& charges, std::size_t site, Near& near, Charges& found) const {
  near.shell.clear();
  packing_.gather(site, 0.0, radius_, near.shell);
  const std::vector<Candidate>& others = near.shell.candidates;
  near.values.resize(others.size());
  for (std::size_t k = 0; k < others.size(); ++k) near.values[k] = width_ * width_ * others[k].distance2;
  screened().of(near.values.data(), others.size());
  Charges sum{};
  for (std::size_t k = 0; k < others.size(); ++k) {
    const Charges& q = charges[static_cast<std::size_t>(others[k].site)];
    for (std::size_t set = 0; set < kChargeSets; ++set) sum[set] += near.values[k] * q[set];
  }
  for (std::size_t set = 0; set < kChargeSets; ++set) found[set] += width_ * sum[set];
}

// Structure factors S(g) = sum_j q_j exp(i g r_j) first, then their waves at the sites.
std::vector<Charges> Ewald::far(const std::vector<Charges>& charges, const std::vector<std::size_t>& sites,
                                std::size_t n_threads) const {
  const std::size_t n = charges.size(), n_chunks = (n + kChunk - 1) / kChunk;
  std::vector<Charges> all(n);
  std::vector<Factor> factors(waves_.size(), Factor{});
  const auto chunk = [&](std::size_t c) { return Chunk(*this, charges, c * kChunk, std::min(n, (c + 1) * kChunk)); };
  const auto store = [&](const Chunk& found, std::size_t c) {
    for (std::size_t j = c * kChunk; j < std::min(n, (c + 1) * kChunk); ++j) all[j] = found.potential(j - c * kChunk);
  };
  if (n_chunks == 1) {  // the phases of a wave serve both ways
    Chunk whole = chunk(0);
    for (std::size_t g = 0; g < waves_.size(); ++g) {
      whole.go_to(waves_[g]);
      whole.add_to(factors[g]);
      whole.take(factors[g], waves_[g].weight);
    }
    store(whole, 0);
  } else {
    for (std::size_t c = 0; c < n_chunks; ++c) {
      Chunk part = chunk(c);
      for (std::size_t g = 0; g < waves_.size(); ++g) {
        part.go_to(waves_[g]);
        part.add_to(factors[g]);
      }
    }
    parallel_for(n_chunks, n_threads, [&](std::size_t c, std::size_t) {
      Chunk part = chunk(c);
      for (std::size_t g = 0; g < waves_.size(); ++g) {
        part.go_to(waves_[g]);
        part.take(factors[g], waves_[g].weight);
      }
      store(part, c);
    });
  }
  std::vector<Charges> found;
  found.reserve(sites.size());
  for (const std::size_t site : sites) found.push_back(all[site]);
  return found;
}

std::vector<Charges> Ewald::potentials(const std::vector<Charges>& charges, const std::vector<std::size_t>& sites,
                                       std::size_t n_threads) const {
  std::vector<Charges> found = far(charges, sites, n_threads);
  const double self = 2.0 * width_ / std::sqrt(kPi);
  for (std::size_t s = 0; s < sites.size(); ++s) {
    for (std::size_t set = 0; set < kChargeSets; ++set) found[s][set] -= self * charges[sites[s]][set];
  }
  if (packing_.size() <= kByPairs) {
    add_near_pairs(charges, sites, found);
    return found;
  }
  const std::size_t n_tasks = (sites.size() + kSitesPerTask - 1) / kSitesPerTask;
  std::vector<Near> near(std::max<std::size_t>(1, n_threads));
  parallel_for(n_tasks, n_threads, [&](std::size_t task, std::size_t worker) {
    for (std::size_t s = task * kSitesPerTask; s < std::min(sites.size(), (task + 1) * kSitesPerTask); ++s) {
      add_near(charges, sites[s], near[worker], found[s]);
    }
  });
  return found;
}

}  // namespace seitz
