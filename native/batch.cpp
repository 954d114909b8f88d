#include "batch.hpp"

#include <algorithm>
#include <limits>

#include "parallel.hpp"

namespace seitz {
namespace {

constexpr std::size_t kLarge = 2048;  // from here on threads share one structure's sites
constexpr std::size_t kSitesPerTask = 256;
constexpr double kVolumeError = 1e-6;  // relative; exact cells reach 1e-12

// Buffers of one thread.
struct Workspace {
  CellBuilder builder;
  std::vector<Face> faces;
  std::vector<double> areas, distances, weights, share;
  std::vector<std::int32_t> neighbours;
  Decoration decoration;
  Moments moments;
  Composition composition;
  std::vector<double> rows, row_weights;
};

// Where the parts of a block begin.
struct Block {
  double *geometry, *differences, *stoichiometry, *sites, *electronic;
  Block(double* block, std::size_t n_properties)
      : geometry(block),
        differences(geometry + kGeometryNumbers),
        stoichiometry(differences + kDifferenceNumbers * n_properties),
        sites(stoichiometry + kStoichiometryNumbers),
        electronic(sites + kSiteNumbers * n_properties) {}
};

Status site_row(const Packing& packing, const SpeciesTable& table, const Decoration& decoration, std::size_t site,
                Workspace& work, double* row) {
  const Status status = work.builder.build(packing, site, work.faces);
  if (status.failure != Failure::none) return status;
  const std::size_t n = work.faces.size();
  work.areas.resize(n), work.distances.resize(n), work.weights.resize(n), work.neighbours.resize(n);
  for (std::size_t k = 0; k < n; ++k) {
    work.areas[k] = work.faces[k].area;
    work.distances[k] = work.faces[k].distance;
    work.neighbours[k] = work.faces[k].site;
  }
  geometry_row(work.areas.data(), work.distances.data(), n, row, work.weights.data());
  work.share.resize(std::max(work.share.size(), decoration.n_species()), 0.0);
  difference_row(table, decoration, site, work.neighbours.data(), work.weights.data(), n, work.share.data(),
                 row + kGeometryColumns);
  return status;
}

// One structure: rows of the wanted sites (in parallel when it is large), then statistics.
Status featurize_one(const StructureBatch& batch, std::size_t s, const SpeciesTable& table,
                     std::vector<Workspace>& workspaces, std::size_t first_worker, std::size_t n_threads, double* out) {
  const auto begin = static_cast<std::size_t>(batch.offsets[s]);
  const auto n_sites = static_cast<std::size_t>(batch.offsets[s + 1]) - begin;
  const std::size_t width = kGeometryColumns + table.n_properties;
  Workspace& own = workspaces[first_worker];
  const Packing packing(batch.lattices + 9 * s, batch.frac_coords + 3 * begin, n_sites);
  own.decoration.assign(table, batch.species + begin, n_sites);
  std::vector<std::size_t> sites;
  own.row_weights.clear();
  sites.reserve(n_sites);
  for (std::size_t rank = 0; rank < n_sites; ++rank) {
    const std::size_t site = packing.site_at(rank);
    const double weight = batch.weights ? batch.weights[begin + site] : 1.0;
    if (weight > 0.0) {
      sites.push_back(site);
      own.row_weights.push_back(weight);
    }
  }
  own.rows.resize(sites.size() * width);
  const std::size_t n_tasks = (sites.size() + kSitesPerTask - 1) / kSitesPerTask;
  std::vector<Status> failures(n_tasks);
  parallel_for(n_tasks, n_threads, [&](std::size_t task, std::size_t worker) {
    const std::size_t last = std::min(sites.size(), (task + 1) * kSitesPerTask);
    for (std::size_t r = task * kSitesPerTask; r < last; ++r) {
      const Status status = site_row(packing, table, own.decoration, sites[r], workspaces[first_worker + worker],
                                     own.rows.data() + r * width);
      if (status.failure != Failure::none) {
        failures[task] = status;
        return;
      }
    }
  });
  for (const Status& status : failures) {
    if (status.failure != Failure::none) return status;
  }
  own.moments.compute(own.rows.data(), own.row_weights.data(), sites.size(), width);
  const double volume = packing.lattice().volume;
  const double filled = own.moments.mean(kCellVolume) * own.moments.weight();
  if (!batch.weights && !(std::fabs(filled - volume) <= kVolumeError * volume)) return {Failure::volume, -1, -1};
  const Block block(out, table.n_properties);
  write_geometry(own.moments, volume, block.geometry);
  write_differences(own.moments, kGeometryColumns, table.n_properties, block.differences);
  own.composition.write(table, own.decoration, block.stoichiometry, block.sites, block.electronic);
  return {};
}

}  // namespace

void featurize_batch(const StructureBatch& batch, const SpeciesTable& table, std::size_t n_threads, double* blocks,
                     Status* statuses) {
  n_threads = std::max<std::size_t>(1, n_threads);
  const std::size_t width = block_size(table.n_properties);
  std::vector<Workspace> workspaces(n_threads);
  std::vector<std::size_t> small, large;
  for (std::size_t s = 0; s < batch.n_structures; ++s) {
    const auto n_sites = static_cast<std::size_t>(batch.offsets[s + 1] - batch.offsets[s]);
    (n_sites < kLarge ? small : large).push_back(s);
  }
  const auto run = [&](std::size_t s, std::size_t worker, std::size_t threads) {
    double* out = blocks + s * width;
    statuses[s] = featurize_one(batch, s, table, workspaces, worker, threads, out);
    if (statuses[s].failure != Failure::none) {
      std::fill(out, out + width, std::numeric_limits<double>::quiet_NaN());
    }
  };
  parallel_for(small.size(), n_threads, [&](std::size_t task, std::size_t worker) { run(small[task], worker, 1); });
  for (const std::size_t s : large) run(s, 0, n_threads);
}

Status tessellate(const double* lattice, const double* frac_coords, std::size_t n_sites, std::size_t n_threads,
                  FaceTable& faces) {
  const Packing packing(lattice, frac_coords, n_sites);
  n_threads = std::max<std::size_t>(1, n_threads);
  std::vector<CellBuilder> builders(n_threads);
  std::vector<std::vector<Face>> buffers(n_threads);
  const std::size_t n_tasks = (n_sites + kSitesPerTask - 1) / kSitesPerTask;
  std::vector<std::vector<Face>> parts(n_tasks);  // faces of the sites of one task, in its order
  std::vector<std::int64_t> part_start(n_sites), count(n_sites);
  std::vector<Status> failures(n_tasks);
  parallel_for(n_tasks, n_threads, [&](std::size_t task, std::size_t worker) {
    for (std::size_t rank = task * kSitesPerTask; rank < std::min(n_sites, (task + 1) * kSitesPerTask); ++rank) {
      const std::size_t site = packing.site_at(rank);
      std::vector<Face>& found = buffers[worker];
      const Status status = builders[worker].build(packing, site, found);
      if (status.failure != Failure::none) {
        failures[task] = status;
        return;
      }
      part_start[site] = static_cast<std::int64_t>(parts[task].size());
      count[site] = static_cast<std::int64_t>(found.size());
      parts[task].insert(parts[task].end(), found.begin(), found.end());
    }
  });
  for (const Status& status : failures) {
    if (status.failure != Failure::none) return status;
  }
  faces.offsets.assign(n_sites + 1, 0);
  for (std::size_t i = 0; i < n_sites; ++i) faces.offsets[i + 1] = faces.offsets[i] + count[i];
  const auto total = static_cast<std::size_t>(faces.offsets[n_sites]);
  faces.neighbours.resize(total), faces.images.resize(total), faces.areas.resize(total), faces.distances.resize(total);
  double filled = 0.0;
  for (std::size_t rank = 0; rank < n_sites; ++rank) {
    const std::size_t site = packing.site_at(rank);
    const Face* source = parts[rank / kSitesPerTask].data() + part_start[site];
    for (std::int64_t k = 0; k < count[site]; ++k) {
      const auto to = static_cast<std::size_t>(faces.offsets[site] + k);
      const Face& face = source[k];
      faces.neighbours[to] = face.site;
      faces.images[to] = packing.input_image(site, static_cast<std::size_t>(face.site), face.image);
      faces.areas[to] = face.area;
      faces.distances[to] = face.distance;
      filled += face.area * face.distance / 6.0;
    }
  }
  const double volume = packing.lattice().volume;
  if (!(std::fabs(filled - volume) <= kVolumeError * volume)) return {Failure::volume, -1, -1};
  return {};
}

void environment_rows(const FaceView& faces, const SpeciesTable& table, const std::int32_t* species, double* rows) {
  const std::size_t width = kGeometryColumns + table.n_properties;
  Decoration decoration;
  decoration.assign(table, species, faces.n_sites);
  std::vector<double> share(decoration.n_species(), 0.0), weights;
  for (std::size_t i = 0; i < faces.n_sites; ++i) {
    const auto first = static_cast<std::size_t>(faces.offsets[i]);
    const std::size_t n = static_cast<std::size_t>(faces.offsets[i + 1]) - first;
    weights.resize(n);
    double* row = rows + i * width;
    geometry_row(faces.areas + first, faces.distances + first, n, row, weights.data());
    difference_row(table, decoration, i, faces.neighbours + first, weights.data(), n, share.data(),
                   row + kGeometryColumns);
  }
}

void featurize_decorations(const FaceView& faces, const SpeciesTable& table, const std::int32_t* species,
                           std::size_t n_decorations, std::size_t n_threads, double* blocks) {
  const std::size_t width = block_size(table.n_properties), n = faces.n_sites;
  const auto n_faces = static_cast<std::size_t>(faces.offsets[n]);
  // Geometry once: its statistics are the same in every block.
  std::vector<double> geometry(n * kGeometryColumns), weights(n_faces);
  for (std::size_t i = 0; i < n; ++i) {
    const auto first = static_cast<std::size_t>(faces.offsets[i]);
    geometry_row(faces.areas + first, faces.distances + first, static_cast<std::size_t>(faces.offsets[i + 1]) - first,
                 geometry.data() + i * kGeometryColumns, weights.data() + first);
  }
  Moments moments;
  moments.compute(geometry.data(), nullptr, n, kGeometryColumns);
  std::array<double, kGeometryNumbers> shared{};
  write_geometry(moments, faces.volume, shared.data());

  std::vector<Workspace> workspaces(std::max<std::size_t>(1, n_threads));
  parallel_for(n_decorations, n_threads, [&](std::size_t d, std::size_t worker) {
    Workspace& work = workspaces[worker];
    const Block block(blocks + d * width, table.n_properties);
    std::copy(shared.begin(), shared.end(), block.geometry);
    work.decoration.assign(table, species + d * n, n);
    work.share.resize(std::max(work.share.size(), work.decoration.n_species()), 0.0);
    work.rows.resize(n * table.n_properties);
    for (std::size_t i = 0; i < n; ++i) {
      const auto first = static_cast<std::size_t>(faces.offsets[i]);
      difference_row(table, work.decoration, i, faces.neighbours + first, weights.data() + first,
                     static_cast<std::size_t>(faces.offsets[i + 1]) - first, work.share.data(),
                     work.rows.data() + i * table.n_properties);
    }
    work.moments.compute(work.rows.data(), nullptr, n, table.n_properties);
    write_differences(work.moments, 0, table.n_properties, block.differences);
    work.composition.write(table, work.decoration, block.stoichiometry, block.sites, block.electronic);
  });
}

}  // namespace seitz
