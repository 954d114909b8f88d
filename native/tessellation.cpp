#include "tessellation.hpp"

#include <algorithm>
#include <cmath>

#include "parallel.hpp"

namespace seitz {

Status tessellate(const Packing& packing, std::size_t n_threads, Terms terms, FaceTable& faces, bool directions) {
  const std::size_t n_sites = packing.size();
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
  faces.directions.resize(directions ? total : 0);
  std::vector<double> part_volume(n_tasks, 0.0);
  parallel_for(n_tasks, n_threads, [&](std::size_t task, std::size_t) {
    for (std::size_t rank = task * kSitesPerTask; rank < std::min(n_sites, (task + 1) * kSitesPerTask); ++rank) {
      const std::size_t site = packing.site_at(rank);
      const Face* source = parts[task].data() + part_start[site];
      for (std::int64_t k = 0; k < count[site]; ++k) {
        const auto at = static_cast<std::size_t>(faces.offsets[site] + k);
        const Face& face = source[k];
        faces.neighbours[at] = face.site;
        faces.images[at] = face.image;
        if (terms == Terms::input &&
            !packing.input_image(site, static_cast<std::size_t>(face.site), face.image, faces.images[at])) {
          failures[task] = {Failure::skewed, static_cast<std::int64_t>(site), -1};
          return;
        }
        faces.areas[at] = face.area;
        faces.distances[at] = face.distance;
        if (directions) {
          const Vec3 to = packing.displacement(site, static_cast<std::size_t>(face.site), face.image);
          faces.directions[at] = (1.0 / face.distance) * to;
        }
        part_volume[task] += face.area * face.distance / 6.0;
      }
    }
  });
  for (const Status& status : failures) {
    if (status.failure != Failure::none) return status;
  }
  double filled = 0.0;
  for (const double part : part_volume) filled += part;
  const double volume = packing.lattice().volume;
  if (!(std::fabs(filled - volume) <= kVolumeError * volume)) return {Failure::volume, -1, -1};
  return {};
}

}  // namespace seitz
