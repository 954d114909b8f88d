// Wigner-Seitz (Voronoi) cells of a periodic structure, exact and without any cutoff.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "neighbours.hpp"
#include "polyhedron.hpp"

namespace seitz {

struct Face {
  double area;      // square angstrom
  double distance;  // between the two atoms, angstrom
  std::int32_t site;
  Image image;  // as in Candidate: reduced vectors, wrapped positions
};

enum class Failure : std::int32_t {
  none = 0,
  overlap = 1,   // two atoms closer than kOverlap
  unclosed = 2,  // no tolerance gave a closed polyhedron
  volume = 3,    // the cells do not fill the structure
  skewed = 4,    // translations in the input's lattice vectors are too large for their type
};

struct Status {
  Failure failure = Failure::none;
  std::int64_t site = -1;
  std::int64_t other = -1;
};

inline constexpr double kOverlap = 1e-3;  // angstrom

// Builds cells one after the other; keeps its buffers, so one builder per thread.
class CellBuilder {
 public:
  // Faces of one site's cell; faces without area are left out.
  Status build(const Packing& packing, std::size_t site, std::vector<Face>& faces);

 private:
  template <class Edges>
  Cut carve(const Packing& packing, std::size_t site, double tolerance, Polyhedron<Edges>& cell, Status& status);
  template <class Edges>
  static Cut settle_far_vertices(const Packing& packing, std::size_t site, double searched, double tolerance,
                                 Polyhedron<Edges>& cell);
  template <class Edges>
  void collect(const Polyhedron<Edges>& cell, std::vector<Face>& faces);

  Shell shell_;
  std::vector<double> areas_;
  Polyhedron<DenseEdges<128>> cell_;
  std::unique_ptr<Polyhedron<HashedEdges>> large_cell_;  // made when a cell first needs it
};

}  // namespace seitz
