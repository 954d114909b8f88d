#include "batch.hpp"

#include <algorithm>
#include <limits>

#include "parallel.hpp"

namespace seitz {
namespace {

constexpr std::size_t kLarge = 2048;  // from here on threads share one structure's sites

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

constexpr double kPicometre = 0.01;  // angstrom

// Keeps the closer of a contact and the neighbours of one site; of equal ones the first.
template <class Index>
void look_closer(const SpeciesTable& table, const std::int32_t* species, std::size_t site, const Index* neighbours,
                 const double* distances, std::size_t n_faces, Contact& closest) {
  const auto radius_of = [&](std::size_t s) {
    return table.of(static_cast<std::size_t>(species[s]))[table.scale.radius];
  };
  const double own = radius_of(site);
  if (!(own > 0.0)) return;
  for (std::size_t k = 0; k < n_faces; ++k) {
    const auto other = static_cast<std::size_t>(neighbours[k]);
    const double radius = radius_of(other);
    if (!(radius > 0.0)) continue;
    const double ratio = distances[k] / (kPicometre * (own + radius));
    if (ratio < closest.ratio) {
      closest = {ratio, static_cast<std::int64_t>(site), static_cast<std::int64_t>(other)};
    }
  }
}

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
                     std::vector<Workspace>& workspaces, std::size_t first_worker, std::size_t n_threads, double* out,
                     Contact& closest) {
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
  std::vector<Contact> contacts(n_tasks);
  parallel_for(n_tasks, n_threads, [&](std::size_t task, std::size_t worker) {
    const std::size_t last = std::min(sites.size(), (task + 1) * kSitesPerTask);
    for (std::size_t r = task * kSitesPerTask; r < last; ++r) {
      const Status status = site_row(packing, table, own.decoration, sites[r], workspaces[first_worker + worker],
                                     own.rows.data() + r * width);
      if (status.failure != Failure::none) {
        failures[task] = status;
        return;
      }
      const Workspace& work = workspaces[first_worker + worker];
      look_closer(table, batch.species + begin, sites[r], work.neighbours.data(), work.distances.data(),
                  work.neighbours.size(), contacts[task]);
    }
  });
  for (const Status& status : failures) {
    if (status.failure != Failure::none) return status;
  }
  for (const Contact& contact : contacts) closest = contact.ratio < closest.ratio ? contact : closest;
  own.moments.compute(own.rows.data(), own.row_weights.data(), sites.size(), width);
  const double volume = packing.lattice().volume;
  const double filled = own.moments.mean(kCellVolume) * own.moments.weight();
  if (!batch.weights && !(std::fabs(filled - volume) <= kVolumeError * volume)) return {Failure::volume, -1, -1};
  const Block block(out, table.n_properties);
  write_geometry(own.moments, volume, block.geometry);
  write_differences(own.moments, kGeometryColumns, table.n_properties, block.differences);
  own.composition.write(table, own.decoration, block);
  block.leave_out_sections();
  return {};
}

// With sections that need the faces of all sites together.
Status featurize_one_tessellated(const StructureBatch& batch, std::size_t s, const SpeciesTable& table,
                                 const Sections& sections, DecoratedGeometry::Workspace& work, std::size_t n_threads,
                                 double* out, Contact& closest) {
  const auto begin = static_cast<std::size_t>(batch.offsets[s]);
  const auto n_sites = static_cast<std::size_t>(batch.offsets[s + 1]) - begin;
  const Packing packing(batch.lattices + 9 * s, batch.frac_coords + 3 * begin, n_sites);
  FaceTable faces;
  const Status status = tessellate(packing, n_threads, Terms::reduced, faces, sections.need_directions());
  if (status.failure != Failure::none) return status;
  const double* weights = batch.weights ? batch.weights + begin : nullptr;
  const FaceView view = faces.view(packing.lattice().volume);
  for (std::size_t i = 0; i < n_sites; ++i) {
    const std::size_t first = view.begin(i);
    look_closer(table, batch.species + begin, i, view.neighbours + first, view.distances + first, view.n_faces(i),
                closest);
  }
  const DecoratedGeometry geometry(view, &packing, weights, sections, n_threads);
  geometry.decorate(table, batch.species + begin, n_threads, work, out);
  return {};
}

}  // namespace

void featurize_batch(const StructureBatch& batch, const SpeciesTable& table, const Sections& sections,
                     std::size_t n_threads, double* blocks, Status* statuses, Contact* contacts) {
  n_threads = std::max<std::size_t>(1, n_threads);
  const std::size_t width = block_size(table.n_properties);
  std::vector<Workspace> workspaces(n_threads);
  std::vector<DecoratedGeometry::Workspace> decorated(n_threads);
  std::vector<std::size_t> small, large;
  for (std::size_t s = 0; s < batch.n_structures; ++s) {
    const auto n_sites = static_cast<std::size_t>(batch.offsets[s + 1] - batch.offsets[s]);
    (n_sites < kLarge ? small : large).push_back(s);
  }
  const auto run = [&](std::size_t s, std::size_t worker, std::size_t threads) {
    double* out = blocks + s * width;
    statuses[s] =
        sections.need_all_faces()
            ? featurize_one_tessellated(batch, s, table, sections, decorated[worker], threads, out, contacts[s])
            : featurize_one(batch, s, table, workspaces, worker, threads, out, contacts[s]);
    if (statuses[s].failure != Failure::none) {
      std::fill(out, out + width, std::numeric_limits<double>::quiet_NaN());
    }
  };
  parallel_for(small.size(), n_threads, [&](std::size_t task, std::size_t worker) { run(small[task], worker, 1); });
  for (const std::size_t s : large) run(s, 0, n_threads);
}

}  // namespace seitz
