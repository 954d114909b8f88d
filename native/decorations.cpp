#include "decorations.hpp"

#include <algorithm>

#include "parallel.hpp"

namespace seitz {
namespace {

constexpr std::size_t kWorthThreads = 2048;  // sites

std::size_t task_count(std::size_t n_sites) { return (n_sites + kSitesPerTask - 1) / kSitesPerTask; }

template <class Body>
void over_sites(std::size_t n_sites, std::size_t n_threads, Body&& body) {
  parallel_for(task_count(n_sites), n_sites < kWorthThreads ? 1 : n_threads, [&](std::size_t task, std::size_t worker) {
    for (std::size_t s = task * kSitesPerTask; s < std::min(n_sites, (task + 1) * kSitesPerTask); ++s) body(s, worker);
  });
}

}  // namespace

DecoratedGeometry::DecoratedGeometry(const FaceView& faces, const Packing* packing, const double* site_weights,
                                     const Sections& sections, std::size_t n_threads)
    : faces_(faces), walk_(sections.walk) {
  const std::size_t n = faces.n_sites;
  sites_.reserve(n);
  for (std::size_t i = 0; i < n; ++i) {
    if (site_weights && !(site_weights[i] > 0.0)) continue;
    sites_.push_back(i);
    if (site_weights) site_weights_.push_back(site_weights[i]);
  }
  std::vector<double> rows(sites_.size() * kGeometryColumns);
  weights_.resize(faces.begin(n));
  over_sites(sites_.size(), n_threads, [&](std::size_t s, std::size_t) {
    const std::size_t i = sites_[s], first = faces.begin(i);
    geometry_row(faces.areas + first, faces.distances + first, faces.n_faces(i), rows.data() + s * kGeometryColumns,
                 weights_.data() + first);
  });
  Moments moments;
  moments.compute(rows.data(), site_weights_.empty() ? nullptr : site_weights_.data(), sites_.size(), kGeometryColumns);
  write_geometry(moments, faces.volume, geometry_.data());
  if (sections.scale) shapes_.emplace(faces, sites_, n < kWorthThreads ? 1 : n_threads);
  if (sections.ionic) sums_.emplace(*packing);
  if (walk_ == Walk::none) return;
  surfaces_.assign(n, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t f = faces.begin(i); f < faces.begin(i + 1); ++f) surfaces_[i] += faces.areas[f];
  }
}

void DecoratedGeometry::keep_walks(std::size_t n_threads) {
  if (walk_ == Walk::none) return;
  walks_.resize(sites_.size());
  std::vector<WalkFinder> finders(n_threads);
  over_sites(sites_.size(), n_threads, [&](std::size_t s, std::size_t worker) {
    finders[worker].find(faces_, surfaces_, sites_[s], walk_, walks_[s]);
  });
}

void DecoratedGeometry::difference_rows(const SpeciesTable& table, std::size_t n_threads, Workspace& work) const {
  work.rows.resize(sites_.size() * table.n_properties);
  work.shares.resize(std::max(work.shares.size(), n_threads));
  for (std::vector<double>& share : work.shares) {
    share.resize(std::max(share.size(), work.decoration.n_species()), 0.0);
  }
  over_sites(sites_.size(), n_threads, [&](std::size_t s, std::size_t worker) {
    const std::size_t i = sites_[s], first = faces_.begin(i);
    difference_row(table, work.decoration, i, faces_.neighbours + first, weights_.data() + first, faces_.n_faces(i),
                   work.shares[worker].data(), work.rows.data() + s * table.n_properties);
  });
}

// WC_s = mean over sites and elements of |1 - q_s / x|; zero where there is one element only.
void DecoratedGeometry::walk_magnitudes(const SpeciesTable& table, std::size_t n_threads, Workspace& work,
                                        double* out) const {
  std::fill(out, out + kWalkNumbers, 0.0);
  work.walked.assign(faces_, table, work.decoration);
  if (work.walked.is_pure()) return;
  work.finders.resize(std::max(work.finders.size(), n_threads));
  work.landings.resize(std::max(work.landings.size(), n_threads));
  std::vector<WalkedDecoration> walked(n_threads - 1, work.walked);  // each thread has its own scratch
  std::vector<double> found(sites_.size() * kWalkNumbers);
  over_sites(sites_.size(), n_threads, [&](std::size_t s, std::size_t worker) {
    const std::size_t i = sites_[s];
    if (walks_.empty()) work.finders[worker].find(faces_, surfaces_, i, walk_, work.landings[worker]);
    const Landings& landings = walks_.empty() ? work.landings[worker] : walks_[s];
    (worker ? walked[worker - 1] : work.walked).deviations(surfaces_[i], i, landings, found.data() + s * kWalkNumbers);
  });
  double total = 0.0;
  for (std::size_t s = 0; s < sites_.size(); ++s) {
    const double weight = site_weights_.empty() ? 1.0 : site_weights_[s];
    total += weight;
    for (std::size_t step = 0; step < kWalkNumbers; ++step) out[step] += weight * found[s * kWalkNumbers + step];
  }
  const double scale = 1.0 / (total * static_cast<double>(work.walked.n_elements()));
  for (std::size_t step = 0; step < kWalkNumbers; ++step) out[step] *= scale;
}

void DecoratedGeometry::scale_numbers(const Shapes& shapes, const SpeciesTable& table, Workspace& work,
                                      double* out) const {
  work.rows.resize(sites_.size() * kScaleColumns);
  shapes.rows(table, work.decoration, weights_.data(), work.rows.data());
  work.moments.compute(work.rows.data(), site_weights_.empty() ? nullptr : site_weights_.data(), sites_.size(),
                       kScaleColumns);
  write_scale(table, work.decoration, work.moments, faces_.volume, out);
}

void DecoratedGeometry::decorate(const SpeciesTable& table, const std::int32_t* species, std::size_t n_threads,
                                 Workspace& work, double* out) const {
  if (faces_.n_sites < kWorthThreads) n_threads = 1;
  const Block block(out, table.n_properties);
  std::copy(geometry_.begin(), geometry_.end(), block.geometry);
  work.decoration.assign(table, species, faces_.n_sites);
  difference_rows(table, n_threads, work);
  work.moments.compute(work.rows.data(), site_weights_.empty() ? nullptr : site_weights_.data(), sites_.size(),
                       table.n_properties);
  write_differences(work.moments, 0, table.n_properties, block.differences);
  work.composition.write(table, work.decoration, block);
  if (shapes_) {
    scale_numbers(*shapes_, table, work, block.scale);
  } else {
    block.leave_out_scale();
  }
  if (sums_) {
    const CountedSites counted{sites_, site_weights_.empty() ? nullptr : site_weights_.data()};
    work.ions.write(table, work.decoration, faces_, *sums_, counted, n_threads, block.ionic);
  } else {
    block.leave_out_ionic();
  }
  if (walk_ == Walk::none) return block.leave_out_order();
  walk_magnitudes(table, n_threads, work, block.walks);
  work.composition.write_ionic_formation(table, block);
}

void environment_rows(const FaceView& faces, const SpeciesTable& table, const std::int32_t* species, double* rows) {
  const std::size_t width = kGeometryColumns + table.n_properties;
  Decoration decoration;
  decoration.assign(table, species, faces.n_sites);
  std::vector<double> share(decoration.n_species(), 0.0), weights;
  for (std::size_t i = 0; i < faces.n_sites; ++i) {
    const std::size_t first = faces.begin(i), n = faces.n_faces(i);
    weights.resize(n);
    double* row = rows + i * width;
    geometry_row(faces.areas + first, faces.distances + first, n, row, weights.data());
    difference_row(table, decoration, i, faces.neighbours + first, weights.data(), n, share.data(),
                   row + kGeometryColumns);
  }
}

void featurize_decorations(const FaceView& faces, const Packing* packing, const Sections& sections,
                           const SpeciesTable& table, const std::int32_t* species, std::size_t n_decorations,
                           std::size_t n_threads, double* blocks) {
  n_threads = std::max<std::size_t>(1, n_threads);
  DecoratedGeometry geometry(faces, packing, nullptr, sections, n_threads);
  const std::size_t width = block_size(table.n_properties);
  if (n_decorations == 1) {
    DecoratedGeometry::Workspace work;
    geometry.decorate(table, species, n_threads, work, blocks);
    return;
  }
  geometry.keep_walks(n_threads);
  std::vector<DecoratedGeometry::Workspace> workspaces(n_threads);
  parallel_for(n_decorations, n_threads, [&](std::size_t d, std::size_t worker) {
    geometry.decorate(table, species + d * faces.n_sites, 1, workspaces[worker], blocks + d * width);
  });
}

}  // namespace seitz
