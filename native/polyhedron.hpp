// A convex polyhedron around the origin, cut by planes one after the other, in dual form.
//
// A vertex is a triple of planes in counter-clockwise order seen from outside. Vertex (a, b, c) owns the directed
// edges (a, b), (b, c) and (c, a); the vertex at the other end of an edge owns the reverse. So one map from directed
// edges to vertices is the whole topology, and a cut needs no search: every vertex outside the plane is removed, every
// edge from an inside to an outside vertex gets a new one by linear interpolation. Nothing is solved, so nothing is
// singular; corners where four or more planes meet stay as several vertices at one point.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <unordered_map>
#include <vector>

#include "geometry.hpp"

namespace seitz {

// Edges in a flat table of fixed size: for cells with up to Capacity planes, that is for nearly all.
template <std::size_t Capacity>
class DenseEdges {
 public:
  static constexpr std::size_t max_planes = Capacity;
  void clear() {}
  std::uint32_t get(std::size_t a, std::size_t b) const { return vertex_[a * Capacity + b]; }
  void set(std::size_t a, std::size_t b, std::size_t vertex) {
    vertex_[a * Capacity + b] = static_cast<std::uint16_t>(vertex);
  }

 private:
  std::uint16_t vertex_[Capacity * Capacity];
};

// Edges in a hash map: any number of planes (an atom inside a large shell has hundreds).
class HashedEdges {
 public:
  static constexpr std::size_t max_planes = std::size_t{1} << 24U;
  void clear() { vertex_.clear(); }
  std::uint32_t get(std::size_t a, std::size_t b) const { return vertex_.at(key(a, b)); }
  void set(std::size_t a, std::size_t b, std::size_t vertex) {
    vertex_[key(a, b)] = static_cast<std::uint32_t>(vertex);
  }

 private:
  static std::uint64_t key(std::size_t a, std::size_t b) { return (static_cast<std::uint64_t>(a) << 32U) | b; }
  std::unordered_map<std::uint64_t, std::uint32_t> vertex_;
};

struct Plane {
  Vec3 normal;       // from the origin to the neighbour: the plane halves it
  double distance2;  // |normal|^2
  std::int32_t site;
  Image image;
};

enum class Cut { missed, made, inconsistent, full };

template <class Edges>
class Polyhedron {
 public:
  // The parallelepiped between the bisectors of +-a, +-b, +-c: a bounded superset of any cell of this lattice.
  void start(const std::array<Vec3, 3>& basis, const std::array<Vec3, 3>& reciprocal, std::int32_t site);

  // Cut by the bisector of `plane.normal`. A vertex is removed only if it is more than `tolerance` outside, so planes
  // that merely touch a corner or an edge do nothing.
  Cut cut(const Plane& plane, double tolerance);

  double radius2() const { return radius2_; }  // largest squared distance of a vertex
  std::size_t n_vertices() const { return x_.size(); }
  Vec3 vertex(std::size_t v) const { return {x_[v], y_[v], z_[v]}; }
  const std::vector<Plane>& planes() const { return planes_; }

  bool has_plane(std::int32_t site, const Image& image) const;

  // The farthest vertex beyond a distance that is not settled; n_vertices() if there is none.
  std::size_t farthest_unsettled(double beyond2) const;
  void settle(std::size_t vertex) { settled_[vertex] = 1; }  // no atom cuts it off: it is a vertex of the cell

  // Euler's relation for a polyhedron with three edges at every vertex.
  bool is_closed();

  // Area of the face on each plane, zero where it has none.
  void face_areas(std::vector<double>& areas) const;

 private:
  struct NewVertex {
    Vec3 position;
    std::uint32_t a, b;
  };
  using Triple = std::array<std::uint32_t, 3>;

  bool find_new_vertices(double limit);
  void put_vertex(std::size_t slot, const Vec3& position, const Triple& triple);
  void replace_outside(std::size_t plane);
  void update_radius();

  Edges edges_;
  std::vector<double> x_, y_, z_;
  std::vector<Triple> triple_;
  std::vector<std::uint8_t> settled_;
  std::vector<Plane> planes_;
  std::vector<double> depth_;           // signed distance of each vertex to the current plane, times |normal|
  std::vector<std::uint32_t> outside_;  // vertices to remove, ascending
  std::vector<NewVertex> new_;
  std::vector<std::uint32_t> entered_, left_;  // per plane: number of the last cut that crossed its boundary
  std::uint32_t n_cuts_ = 0;
  double radius2_ = 0.0;
};

template <class Edges>
void Polyhedron<Edges>::start(const std::array<Vec3, 3>& basis, const std::array<Vec3, 3>& reciprocal,
                              std::int32_t site) {
  edges_.clear();
  x_.clear(), y_.clear(), z_.clear(), triple_.clear(), settled_.clear(), planes_.clear();
  entered_.assign(6, 0), left_.assign(6, 0);
  n_cuts_ = 0;
  for (int axis = 0; axis < 3; ++axis) {
    for (int sign = 1; sign >= -1; sign -= 2) {
      Image image{};
      image[axis] = sign;
      planes_.push_back({static_cast<double>(sign) * basis[axis], norm2(basis[axis]), site, image});
    }
  }
  for (std::uint32_t corner = 0; corner < 8; ++corner) {
    Vec3 position;
    std::array<std::uint32_t, 3> face{};
    for (std::uint32_t axis = 0; axis < 3; ++axis) {
      const std::uint32_t negative = (corner >> axis) & 1U;
      face[axis] = 2 * axis + negative;
      position = position + ((negative ? -0.5 : 0.5) * norm2(basis[axis])) * reciprocal[axis];
    }
    if (((corner >> 0U) ^ (corner >> 1U) ^ (corner >> 2U)) & 1U) {
      std::swap(face[1], face[2]);  // an odd number of mirrored axes turns the order round
    }
    put_vertex(corner, position, face);
  }
  update_radius();
}

template <class Edges>
void Polyhedron<Edges>::put_vertex(std::size_t slot, const Vec3& position, const Triple& triple) {
  if (slot == x_.size()) {
    x_.push_back(position.x), y_.push_back(position.y), z_.push_back(position.z);
    triple_.push_back(triple);
    settled_.push_back(0);
  } else {
    x_[slot] = position.x, y_[slot] = position.y, z_[slot] = position.z;
    triple_[slot] = triple;
    settled_[slot] = 0;
  }
  for (int e = 0; e < 3; ++e) {
    edges_.set(triple[e], triple[(e + 1) % 3], slot);
  }
}

template <class Edges>
void Polyhedron<Edges>::update_radius() {
  double largest = 0.0;
  const std::size_t n = x_.size();
  for (std::size_t v = 0; v < n; ++v) {
    const double r2 = x_[v] * x_[v] + y_[v] * y_[v] + z_[v] * z_[v];
    largest = r2 > largest ? r2 : largest;
  }
  radius2_ = largest;
}

template <class Edges>
bool Polyhedron<Edges>::has_plane(std::int32_t site, const Image& image) const {
  return std::any_of(planes_.begin(), planes_.end(),
                     [&](const Plane& plane) { return plane.site == site && plane.image == image; });
}

template <class Edges>
std::size_t Polyhedron<Edges>::farthest_unsettled(double beyond2) const {
  std::size_t found = x_.size();
  for (std::size_t v = 0; v < x_.size(); ++v) {
    const double r2 = norm2(vertex(v));
    if (r2 > beyond2 && !settled_[v]) {
      beyond2 = r2;
      found = v;
    }
  }
  return found;
}

template <class Edges>
Cut Polyhedron<Edges>::cut(const Plane& plane, double tolerance) {
  const std::size_t n = x_.size();
  const double half = 0.5 * plane.distance2, limit = tolerance * std::sqrt(plane.distance2);
  const Vec3 normal = plane.normal;
  if (depth_.size() < n) depth_.resize(2 * n);
  double* depth = depth_.data();
  const double *x = x_.data(), *y = y_.data(), *z = z_.data();
  double deepest = -half;
  for (std::size_t v = 0; v < n; ++v) {
    depth[v] = x[v] * normal.x + y[v] * normal.y + z[v] * normal.z - half;
    deepest = depth[v] > deepest ? depth[v] : deepest;
  }
  if (deepest <= limit) return Cut::missed;
  if (planes_.size() >= Edges::max_planes) return Cut::full;
  outside_.clear();
  for (std::size_t v = 0; v < n; ++v) {
    if (depth[v] > limit) outside_.push_back(static_cast<std::uint32_t>(v));
  }
  const std::size_t index = planes_.size();
  planes_.push_back(plane);
  entered_.push_back(0), left_.push_back(0);
  if (!find_new_vertices(limit)) return Cut::inconsistent;
  replace_outside(index);
  update_radius();
  return Cut::made;
}

// One new vertex for each edge that crosses the plane. Rounding can make the outside part fall to pieces; then some
// face is entered twice, and the caller starts the cell again with another tolerance.
template <class Edges>
bool Polyhedron<Edges>::find_new_vertices(double limit) {
  new_.clear();
  ++n_cuts_;
  for (const std::uint32_t v : outside_) {
    const Triple& triple = triple_[v];
    for (int e = 0; e < 3; ++e) {
      const std::uint32_t a = triple[e], b = triple[(e + 1) % 3];
      const std::uint32_t w = edges_.get(b, a);
      if (depth_[w] > limit) continue;
      if (entered_[a] == n_cuts_ || left_[b] == n_cuts_) return false;
      entered_[a] = left_[b] = n_cuts_;
      // An inside vertex within the tolerance may lie beyond the plane: then the new one takes its place.
      const double t = depth_[w] < 0.0 ? depth_[w] / (depth_[w] - depth_[v]) : 0.0;
      const Vec3 from = vertex(w);
      new_.push_back({from + t * (vertex(v) - from), a, b});
    }
  }
  return new_.size() >= 3;
}

template <class Edges>
void Polyhedron<Edges>::replace_outside(std::size_t plane) {
  const auto p = static_cast<std::uint32_t>(plane);
  std::size_t used = 0;
  for (const NewVertex& vertex : new_) {
    const std::size_t slot = used < outside_.size() ? outside_[used++] : x_.size();
    put_vertex(slot, vertex.position, {vertex.a, vertex.b, p});
  }
  while (outside_.size() > used) {  // holes left: fill each with the last vertex, from the back
    const std::size_t hole = outside_.back(), last = x_.size() - 1;
    outside_.pop_back();
    if (hole != last) {
      put_vertex(hole, vertex(last), triple_[last]);
      settled_[hole] = settled_[last];
    }
    x_.pop_back(), y_.pop_back(), z_.pop_back(), triple_.pop_back(), settled_.pop_back();
  }
}

template <class Edges>
bool Polyhedron<Edges>::is_closed() {
  ++n_cuts_;
  std::size_t n_faces = 0;
  for (const Triple& triple : triple_) {
    for (const std::uint32_t plane : triple) {
      n_faces += entered_[plane] != n_cuts_ ? 1 : 0;
      entered_[plane] = n_cuts_;
    }
  }
  return x_.size() + 4 == 2 * n_faces;
}

// Twice the vector area of a face is the sum of v x w over its boundary; each edge bounds two faces.
template <class Edges>
void Polyhedron<Edges>::face_areas(std::vector<double>& areas) const {
  areas.assign(planes_.size(), 0.0);
  for (std::size_t v = 0; v < x_.size(); ++v) {
    const Triple& triple = triple_[v];
    for (int e = 0; e < 3; ++e) {
      const std::uint32_t a = triple[e], b = triple[(e + 1) % 3];
      const std::uint32_t w = edges_.get(b, a);
      if (w < v) continue;
      const Vec3 twice = cross(vertex(v), vertex(w));
      areas[a] -= dot(twice, planes_[a].normal);
      areas[b] += dot(twice, planes_[b].normal);
    }
  }
  for (std::size_t p = 0; p < areas.size(); ++p) {
    areas[p] *= 0.5 / std::sqrt(planes_[p].distance2);
  }
}

}  // namespace seitz
