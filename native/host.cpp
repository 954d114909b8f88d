#include "host.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace seitz {
namespace {

constexpr double kEqual = 1e-11;  // of the size of a row's numbers: rows closer than this are one

}  // namespace

Host::Host(const double* lattice, const double* frac_coords, const std::int32_t* species, std::size_t n_sites,
           const SpeciesTable& table, std::size_t n_threads)
    : n_sites_(n_sites),
      n_properties_(table.n_properties),
      lattice_(lattice, lattice + 9),
      coords_(frac_coords, frac_coords + 3 * n_sites),
      species_(species, species + n_sites) {
  const Packing packing(lattice, frac_coords, n_sites);
  volume_ = packing.lattice().volume;
  status_ = tessellate(packing, n_threads, Terms::reduced, faces_);
  if (status_.failure != Failure::none) return;
  const FaceView faces = faces_.view(volume_);
  rows_.resize(n_sites * (kGeometryColumns + n_properties_));
  environment_rows(faces, table, species, rows_.data());
  weights_.resize(faces.begin(n_sites));
  for (std::size_t i = 0; i < n_sites; ++i) {
    double surface = 0.0;
    for (std::size_t f = faces.begin(i); f < faces.begin(i + 1); ++f) surface += faces.areas[f];
    for (std::size_t f = faces.begin(i); f < faces.begin(i + 1); ++f) weights_[f] = faces.areas[f] / surface;
  }
  group_rows(table);
}

void Host::group_rows(const SpeciesTable& table) {
  const std::size_t width = kGeometryColumns + n_properties_;
  std::vector<double> scale(width, 0.0);
  for (std::size_t k = 0; k < rows_.size(); ++k) scale[k % width] = std::max(scale[k % width], std::fabs(rows_[k]));
  // What vanishes in a perfect crystal is rounding of the numbers it comes from: their size counts, not its own.
  scale[kBondVariation] = 1.0;
  for (const std::int32_t species : species_) {
    const double* properties = table.of(static_cast<std::size_t>(species));
    for (std::size_t j = 0; j < n_properties_; ++j) {
      scale[kGeometryColumns + j] = std::max(scale[kGeometryColumns + j], std::fabs(properties[j]));
    }
  }
  const auto equal = [&](const double* a, const double* b) {
    for (std::size_t c = 0; c < width; ++c) {
      if (std::fabs(a[c] - b[c]) > kEqual * scale[c]) return false;
    }
    return true;
  };
  // Rows of about the same cell volume stand together; each is compared with the classes met in that window.
  std::vector<std::uint32_t> order(n_sites_);
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return rows_[a * width + kCellVolume] < rows_[b * width + kCellVolume];
  });
  class_of_.resize(n_sites_);
  std::vector<std::size_t> open;  // classes whose volume is within the window
  for (const std::uint32_t site : order) {
    const double* row = rows_.data() + site * width;
    const auto too_small = [&](std::size_t k) {
      return class_rows_[k * width + kCellVolume] < row[kCellVolume] - kEqual * scale[kCellVolume];
    };
    open.erase(std::remove_if(open.begin(), open.end(), too_small), open.end());
    const auto found = std::find_if(open.begin(), open.end(),
                                    [&](std::size_t k) { return equal(row, class_rows_.data() + k * width); });
    std::size_t own = class_counts_.size();
    if (found != open.end()) {
      own = *found;
      class_counts_[own] += 1.0;
    } else {
      open.push_back(own);
      class_rows_.insert(class_rows_.end(), row, row + width);
      class_counts_.push_back(1.0);
    }
    class_of_[site] = static_cast<std::uint32_t>(own);
  }
}

void Host::reach(std::size_t site, Workspace& work) const {
  if (work.is_reached[site]) return;
  work.is_reached[site] = 1;
  work.reached.push_back(site);
}

// Sites of the changed structure whose cells touch that of a host site.
void Host::reach_neighbours(std::size_t host_site, Workspace& work) const {
  const auto begin = static_cast<std::size_t>(faces_.offsets[host_site]);
  const auto end = static_cast<std::size_t>(faces_.offsets[host_site + 1]);
  for (std::size_t f = begin; f < end; ++f) {
    const std::int64_t site = work.final_site[static_cast<std::size_t>(faces_.neighbours[f])];
    if (site >= 0) reach(static_cast<std::size_t>(site), work);
  }
}

void Host::take_host_row(std::size_t host_site, Workspace& work) const { work.remaining[class_of_[host_site]] -= 1.0; }

void Host::put_decoration(const SpeciesTable& table, Workspace& work) const {
  Decoration& decoration = work.decorated.decoration;
  decoration.assign(table, work.species.data(), work.species.size());
  work.share.resize(std::max(work.share.size(), decoration.n_species()), 0.0);
}

// Substitutions only.
Status Host::rows_of_same_cells(const SpeciesTable& table, const Change* changes, std::size_t n_changes,
                                Workspace& work) const {
  work.species = species_;
  work.is_reached.assign(n_sites_, 0);
  work.final_site.resize(n_sites_);
  std::iota(work.final_site.begin(), work.final_site.end(), std::int64_t{0});
  for (std::size_t c = 0; c < n_changes; ++c) {
    const auto site = static_cast<std::size_t>(changes[c].site);
    work.species[site] = changes[c].species;
    reach(site, work);
    reach_neighbours(site, work);
  }
  put_decoration(table, work);
  const std::size_t width = kGeometryColumns + n_properties_;
  work.rows.resize((n_classes() + work.reached.size()) * width);
  double* row = work.rows.data() + n_classes() * width;
  for (const std::size_t site : work.reached) {
    take_host_row(site, work);
    std::copy_n(rows_.begin() + static_cast<std::ptrdiff_t>(site * width), kGeometryColumns, row);
    const auto first = static_cast<std::size_t>(faces_.offsets[site]);
    const auto n_faces = static_cast<std::size_t>(faces_.offsets[site + 1]) - first;
    difference_row(table, work.decorated.decoration, site, faces_.neighbours.data() + first, weights_.data() + first,
                   n_faces, work.share.data(), row + kGeometryColumns);
    row += width;
  }
  return {};
}

Status Host::rows_of_changed_cells(const SpeciesTable& table, const Change* changes, std::size_t n_changes,
                                   Workspace& work) const {
  // The changed structure: what is left of the host in its order, then added atoms.
  work.final_site.assign(n_sites_, 0);
  work.species = species_;
  for (std::size_t c = 0; c < n_changes; ++c) {
    const Change& change = changes[c];
    if (change.site < 0) continue;
    const auto site = static_cast<std::size_t>(change.site);
    if (change.species < 0 || change.moved) {
      work.final_site[site] = -1;
    } else {
      work.species[site] = change.species;
    }
  }
  work.coords.clear();
  work.host_site.clear();
  std::size_t n = 0;
  for (std::size_t site = 0; site < n_sites_; ++site) {
    if (work.final_site[site] < 0) continue;
    work.final_site[site] = static_cast<std::int64_t>(n);
    work.species[n++] = work.species[site];
    work.host_site.push_back(static_cast<std::int64_t>(site));
    work.coords.insert(work.coords.end(), {coords_[3 * site], coords_[3 * site + 1], coords_[3 * site + 2]});
  }
  work.species.resize(n);
  const std::size_t first_added = n;
  for (std::size_t c = 0; c < n_changes; ++c) {
    if (changes[c].species < 0 || !changes[c].moved) continue;
    work.species.push_back(changes[c].species);
    work.host_site.push_back(-1);
    work.coords.insert(work.coords.end(), {changes[c].position.x, changes[c].position.y, changes[c].position.z});
  }
  n = work.species.size();

  work.is_reached.assign(n, 0);
  for (std::size_t c = 0; c < n_changes; ++c) {
    if (changes[c].site < 0) continue;
    const auto site = static_cast<std::size_t>(changes[c].site);
    if (work.final_site[site] >= 0) reach(static_cast<std::size_t>(work.final_site[site]), work);
    reach_neighbours(site, work);
    if (work.final_site[site] < 0) take_host_row(site, work);
  }
  for (std::size_t added = first_added; added < n; ++added) reach(added, work);

  const Packing packing(lattice_.data(), work.coords.data(), n);
  put_decoration(table, work);
  const std::size_t width = kGeometryColumns + n_properties_;
  work.rows.resize(n_classes() * width);
  for (std::size_t r = 0; r < work.reached.size(); ++r) {  // grows while added atoms find their neighbours
    const std::size_t site = work.reached[r];
    const Status status = work.builder.build(packing, site, work.faces);
    if (status.failure != Failure::none) return status;
    const std::size_t n_faces = work.faces.size();
    work.areas.resize(n_faces), work.distances.resize(n_faces);
    work.weights.resize(n_faces), work.neighbours.resize(n_faces);
    for (std::size_t k = 0; k < n_faces; ++k) {
      work.areas[k] = work.faces[k].area;
      work.distances[k] = work.faces[k].distance;
      work.neighbours[k] = work.faces[k].site;
      if (site >= first_added) reach(static_cast<std::size_t>(work.faces[k].site), work);
    }
    if (work.host_site[site] >= 0) take_host_row(static_cast<std::size_t>(work.host_site[site]), work);
    work.rows.resize(work.rows.size() + width);
    double* row = work.rows.data() + work.rows.size() - width;
    geometry_row(work.areas.data(), work.distances.data(), n_faces, row, work.weights.data());
    difference_row(table, work.decorated.decoration, site, work.neighbours.data(), work.weights.data(), n_faces,
                   work.share.data(), row + kGeometryColumns);
    ++work.n_cells;
  }
  return {};
}

Status Host::featurize(const SpeciesTable& table, const Change* changes, std::size_t n_changes, Workspace& work,
                       double* out) const {
  const std::size_t width = kGeometryColumns + n_properties_;
  work.remaining = class_counts_;
  work.reached.clear();
  work.n_cells = 0;
  const bool same_cells =
      std::all_of(changes, changes + n_changes, [](const Change& c) { return c.species >= 0 && !c.moved; });
  const Status status = same_cells ? rows_of_same_cells(table, changes, n_changes, work)
                                   : rows_of_changed_cells(table, changes, n_changes, work);
  if (status.failure != Failure::none) return status;
  work.n_rows = work.reached.size();
  // Classes of the host that are left come first; those that are not are skipped.
  std::copy(class_rows_.begin(), class_rows_.end(), work.rows.begin());
  work.row_weights.clear();
  std::size_t used = 0;
  const std::size_t n_rows = n_classes() + work.reached.size();
  for (std::size_t r = 0; r < n_rows; ++r) {
    const double weight = r < n_classes() ? work.remaining[r] : 1.0;
    if (!(weight > 0.5)) continue;
    if (used != r) {
      std::copy_n(work.rows.begin() + static_cast<std::ptrdiff_t>(r * width), width,
                  work.rows.begin() + static_cast<std::ptrdiff_t>(used * width));
    }
    work.row_weights.push_back(weight);
    ++used;
  }
  Moments& moments = work.decorated.moments;
  moments.compute(work.rows.data(), work.row_weights.data(), used, width);
  const double filled = moments.mean(kCellVolume) * moments.weight();
  if (!(std::fabs(filled - volume_) <= kVolumeError * volume_)) return {Failure::volume, -1, -1};
  const Block block(out, n_properties_);
  write_geometry(moments, volume_, block.geometry);
  write_differences(moments, kGeometryColumns, n_properties_, block.differences);
  work.decorated.composition.write(table, work.decorated.decoration, block);
  block.leave_out_sections();
  return {};
}

}  // namespace seitz
