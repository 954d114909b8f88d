#include "scale.hpp"

#include <algorithm>
#include <cmath>

#include "parallel.hpp"

namespace seitz {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kPicometre = 0.01;  // angstrom
constexpr std::size_t kHighest = 8;  // degree

// q_l = sqrt(sum_k sum_k' w_k w_k' P_l(cos of the angle between k and k')): the rotation-invariant length of the mean
// of the spherical harmonics of degree l (Steinhardt et al., Phys. Rev. B 28, 784), without forming them, by
// l P_l = (2 l - 1) x P_{l-1} - (l - 1) P_{l-2}.
struct Recurrence {
  std::array<double, kHighest + 1> up{}, down{};
  constexpr Recurrence() {
    for (std::size_t l = 1; l <= kHighest; ++l) {
      up[l] = (2.0 * static_cast<double>(l) - 1.0) / static_cast<double>(l);
      down[l] = (static_cast<double>(l) - 1.0) / static_cast<double>(l);
    }
  }
};
constexpr Recurrence kLegendre;

void bond_order(const Vec3* directions, const double* areas, std::size_t n, double* out) {
  double surface = 0.0;
  for (std::size_t k = 0; k < n; ++k) surface += areas[k];
  std::array<double, kHighest + 1> total{};
  for (std::size_t k = 0; k < n; ++k) {
    std::array<double, kHighest + 1> row{};
    for (std::size_t other = 0; other < k; ++other) {
      const double x = dot(directions[k], directions[other]), w = areas[other];
      double before = 1.0, now = x;
      for (std::size_t l = 2; l <= kHighest; ++l) {
        const double next = kLegendre.up[l] * x * now - kLegendre.down[l] * before;
        before = now;
        now = next;
        row[l] += w * now;
      }
    }
    for (std::size_t l = 2; l <= kHighest; ++l) total[l] += areas[k] * (2.0 * row[l] + areas[k]);
  }
  for (std::size_t q = 0; q < kOrders.size(); ++q) {
    out[q] = std::sqrt(std::max(0.0, total[kOrders[q]])) / surface;
  }
}

}  // namespace

Shapes::Shapes(const FaceView& faces, const std::vector<std::size_t>& sites, std::size_t n_threads)
    : faces_(faces),
      sites_(sites),
      rows_(sites.size() * kShapeColumns),
      angles_(faces.begin(faces.n_sites)),
      volumes_(sites.size()) {
  const std::size_t n_tasks = (sites.size() + kSitesPerTask - 1) / kSitesPerTask;
  parallel_for(n_tasks, n_threads, [&](std::size_t task, std::size_t) {
    for (std::size_t s = task * kSitesPerTask; s < std::min(sites_.size(), (task + 1) * kSitesPerTask); ++s) {
      const std::size_t first = faces_.begin(sites_[s]), n = faces_.n_faces(sites_[s]);
      const double *areas = faces_.areas + first, *distances = faces_.distances + first;
      double surface = 0.0, length = 0.0, volume = 0.0, sphere = 0.0, nearest = distances[0];
      for (std::size_t k = 0; k < n; ++k) {
        surface += areas[k];
        length += areas[k] * distances[k];
        volume += areas[k] * distances[k] / 6.0;
        nearest = std::min(nearest, distances[k]);
        angles_[first + k] = areas[k] / (distances[k] * distances[k]);
        sphere += angles_[first + k];
      }
      double squares = 0.0;
      for (std::size_t k = 0; k < n; ++k) {
        angles_[first + k] /= sphere;
        squares += angles_[first + k] * angles_[first + k];
      }
      double* row = rows_.data() + s * kShapeColumns;
      row[0] = length / surface;
      row[1] = std::cbrt(volume);
      row[2] = nearest;
      row[3] = 1.0 / squares;
      bond_order(faces_.directions + first, areas, n, row + 4);
      volumes_[s] = volume;
    }
  });
}

void Shapes::contact_row(const SpeciesTable& table, const Decoration& decoration, std::size_t s, const double* weights,
                         double* row) const {
  const std::size_t site = sites_[s], own = decoration.local(site);
  const double* mine = table.of(decoration.species(own));
  const std::size_t radius = table.scale.radius, negativity = table.scale.negativity;
  std::fill(row, row + kContactColumns, 0.0);
  double closest = 0.0;
  bool any = false;
  for (std::size_t f = faces_.begin(site); f < faces_.begin(site + 1); ++f) {
    const std::size_t other = decoration.local(static_cast<std::size_t>(faces_.neighbours[f]));
    const double* theirs = table.of(decoration.species(other));
    const double w = weights[f], angle = angles_[f], distance = faces_.distances[f];
    const double sum = kPicometre * (mine[radius] + theirs[radius]);
    const double difference = theirs[negativity] - mine[negativity], size = std::fabs(difference);
    if (sum > 0.0) {
      const double ratio = distance / sum;
      row[0] += w * ratio;
      row[2] += angle * ratio;
      closest = any ? std::min(closest, ratio) : ratio;
      any = true;
    }
    row[3] += w * difference;
    row[4] += angle * difference;
    row[5] += angle * size;
    if (other == own) {
      row[6] += w;
      row[7] += angle;
    }
    row[8] += w * size / distance;
    row[9] += w * size * size / distance;
  }
  row[1] = closest;
  const double natural = mine[table.scale.volume];
  row[10] = natural > 0.0 ? volumes_[s] / natural : 0.0;
}

void Shapes::rows(const SpeciesTable& table, const Decoration& decoration, const double* weights, double* rows) const {
  for (std::size_t s = 0; s < sites_.size(); ++s) {
    double* row = rows + s * kScaleColumns;
    std::copy_n(rows_.data() + s * kShapeColumns, kShapeColumns, row);
    contact_row(table, decoration, s, weights, row + kShapeColumns);
  }
}

void write_scale(const SpeciesTable& table, const Decoration& decoration, const Moments& moments, double volume,
                 double* out) {
  double atoms = 0.0, natural = 0.0, spheres = 0.0, electrons = 0.0;
  std::array<double, kElements + 1> amounts{};
  for (std::size_t local = 0; local < decoration.n_species(); ++local) {
    const std::size_t species = decoration.species(local);
    for (std::int64_t k = table.offsets[species]; k < table.offsets[species + 1]; ++k) {
      const auto z = static_cast<std::size_t>(table.elements[k]);
      const double amount = table.amounts[k] * decoration.count(local), *of = table.of(z);
      const double radius = kPicometre * of[table.scale.radius];
      atoms += amount;
      natural += amount * of[table.scale.volume];
      spheres += amount * 4.0 / 3.0 * kPi * radius * radius * radius;
      electrons += amount * of[table.scale.electrons];
      amounts[z] += amount;
    }
  }
  double entropy = 0.0;
  for (const double amount : amounts) entropy -= amount > 0.0 ? amount / atoms * std::log(amount / atoms) : 0.0;
  out[0] = volume / atoms;
  out[1] = std::log(volume / atoms);
  out[2] = natural / volume;
  out[3] = spheres / volume;
  out[4] = electrons / volume;
  out[5] = entropy;
  double* next = out + kScaleGlobals;
  for (std::size_t c = 0; c < kScaleColumns; ++c, next += kScaleStatistics) {
    next[0] = moments.mean(c);
    next[1] = moments.deviation(c);
    next[2] = moments.min(c);
    next[3] = moments.max(c);
  }
}

}  // namespace seitz
