#include "voronoi.hpp"

#include <algorithm>

namespace seitz {
namespace {

// In units of Packing::reach(). The first shell holds 18 to 38 atoms, which suffices for dense crystals.
constexpr double kFirstShell = 1.9;
constexpr double kShellGrowth = 1.3;
constexpr double kLastShell = 3.3;    // farther out, voids are searched vertex by vertex
constexpr double kTolerance = 1e-12;  // of the spacing (V/n)^(1/3)
constexpr double kToleranceGrowth = 7.3;
constexpr int kAttempts = 8;
constexpr double kNoArea = 1e-12;  // of the cell's surface

// Candidates are sorted in single precision: only beyond this factor is "all later ones are farther" certain.
constexpr double kSortSlack = 1.0 + 1e-6;

}  // namespace

// Cut by candidates, nearest first, until the next one is farther than twice the farthest vertex.
template <class Edges>
Cut CellBuilder::carve(const Packing& packing, std::size_t site, double tolerance, Polyhedron<Edges>& cell,
                       Status& status) {
  const Lattice& lattice = packing.lattice();
  cell.start(lattice.basis, lattice.reciprocal, static_cast<std::int32_t>(site));
  double inner = 0.0, outer = kFirstShell * packing.reach();
  for (;;) {
    shell_.clear();
    packing.gather(site, inner, outer, shell_);
    shell_.sort();
    for (std::size_t rank = 0; rank < shell_.size(); ++rank) {
      const Candidate& next = shell_[rank];
      if (next.distance2 >= 4.0 * kSortSlack * cell.radius2()) return Cut::made;
      if (next.distance2 < kOverlap * kOverlap) {
        status = {Failure::overlap, static_cast<std::int64_t>(site), next.site};
        return Cut::made;
      }
      const Cut cut = cell.cut({next.to, next.distance2, next.site, next.image}, tolerance);
      if (cut == Cut::inconsistent || cut == Cut::full) return cut;
    }
    const double needed = 2.0 * std::sqrt(kSortSlack * cell.radius2());
    if (outer >= needed) return Cut::made;
    if (outer >= kLastShell * packing.reach()) return settle_far_vertices(packing, site, outer, tolerance, cell);
    inner = outer;
    outer = std::min(kShellGrowth * outer, needed);
  }
}

// Beside voids a few vertices lie far out, and the sphere that could hold their cutters holds thousands of atoms. But
// only an atom inside the sphere around a vertex that passes through the site can cut this vertex off, and in the end
// that sphere is empty: so ask for the atom nearest to the vertex, cut, and go on until no vertex is left to ask for.
template <class Edges>
Cut CellBuilder::settle_far_vertices(const Packing& packing, std::size_t site, double searched, double tolerance,
                                     Polyhedron<Edges>& cell) {
  for (;;) {
    const std::size_t vertex = cell.farthest_unsettled(0.25 * searched * searched);
    if (vertex == cell.n_vertices()) return Cut::made;
    Candidate atom;
    // An atom at p that is nearer to the vertex v by m cuts m |v| / |p| deep, and |p| is beyond what was searched.
    const double margin = 0.25 * tolerance * searched / std::sqrt(norm2(cell.vertex(vertex)));
    // Far out, rounding alone can put a vertex beyond a plane that already made it.
    if (!packing.nearest_to(site, cell.vertex(vertex), margin, atom) || cell.has_plane(atom.site, atom.image)) {
      cell.settle(vertex);
      continue;
    }
    const Cut cut = cell.cut({atom.to, atom.distance2, atom.site, atom.image}, tolerance);
    if (cut == Cut::inconsistent || cut == Cut::full) return cut;
    if (cut == Cut::missed) cell.settle(vertex);
  }
}

template <class Edges>
void CellBuilder::collect(const Polyhedron<Edges>& cell, std::vector<Face>& faces) {
  cell.face_areas(areas_);
  double surface = 0.0;
  for (const double area : areas_) surface += area;
  faces.clear();
  for (std::size_t p = 0; p < areas_.size(); ++p) {
    if (areas_[p] > kNoArea * surface) {
      const Plane& plane = cell.planes()[p];
      faces.push_back({areas_[p], std::sqrt(plane.distance2), plane.site, plane.image});
    }
  }
}

Status CellBuilder::build(const Packing& packing, std::size_t site, std::vector<Face>& faces) {
  Status status;
  const auto& shortest = packing.lattice().basis[2];
  if (norm2(shortest) < kOverlap * kOverlap) {
    return {Failure::overlap, static_cast<std::int64_t>(site), static_cast<std::int64_t>(site)};
  }
  double tolerance = kTolerance * packing.spacing();
  bool large = false;
  for (int attempt = 0; attempt < kAttempts;) {
    const Cut outcome =
        large ? carve(packing, site, tolerance, *large_cell_, status) : carve(packing, site, tolerance, cell_, status);
    if (status.failure != Failure::none) return status;
    if (outcome == Cut::full) {
      if (!large_cell_) large_cell_ = std::make_unique<Polyhedron<HashedEdges>>();
      large = true;
      continue;
    }
    if (outcome == Cut::made && (large ? large_cell_->is_closed() : cell_.is_closed())) {
      large ? collect(*large_cell_, faces) : collect(cell_, faces);
      return status;
    }
    tolerance *= kToleranceGrowth;
    ++attempt;
  }
  return {Failure::unclosed, static_cast<std::int64_t>(site), -1};
}

}  // namespace seitz
