// Which atoms can cut a cell: all images within a shell around a site, nearest first.
#pragma once

#include <cstddef>
#include <vector>

#include "geometry.hpp"
#include "lattice.hpp"

namespace seitz {

struct Candidate {
  Vec3 to;            // from the central site to this atom, in angstrom
  double distance2;   // |to|^2
  std::int32_t site;  // index of the atom
  Image image;        // its translation, in reduced lattice vectors and relative to wrapped positions
};

// Candidates of one shell; `order` walks them by distance.
struct Shell {
  std::vector<Candidate> candidates;
  std::vector<std::uint64_t> order;  // distance in the high word, index in the low one

  void clear() { candidates.clear(); }
  void sort();
  const Candidate& operator[](std::size_t rank) const { return candidates[static_cast<std::uint32_t>(order[rank])]; }
  std::size_t size() const { return candidates.size(); }
};

// One structure prepared for neighbour searches: reduced lattice, wrapped atoms, and bins when there are many.
class Packing {
 public:
  Packing(const double* lattice_rows, const double* frac_coords, std::size_t n_sites);

  const Lattice& lattice() const { return lattice_; }
  std::size_t size() const { return wrapped_.size(); }
  double spacing() const { return spacing_; }  // (V/n)^(1/3)
  double reach() const { return reach_; }      // where neighbours begin: the spacing, less in needles and sheets

  // Sites in an order that keeps neighbours close in memory.
  std::size_t site_at(std::size_t rank) const { return sorted_site_.empty() ? rank : sorted_site_[rank]; }

  // All atoms with inner < distance <= outer, unsorted, the site itself excluded.
  void gather(std::size_t site, double inner, double outer, Shell& shell) const;

  // The atom nearest to a point given relative to a site, among those nearer to it than the site itself by more than
  // `margin`. False if there is none.
  bool nearest_to(std::size_t site, const Vec3& point, double margin, Candidate& found) const;

  // Fractional coordinates of a site in the reduced basis, in [0, 1).
  const Vec3& wrapped(std::size_t site) const { return wrapped_[site]; }

  // From a site to the atom of a face, in angstrom.
  Vec3 displacement(std::size_t site, std::size_t neighbour, const Image& image) const {
    return lattice_.cartesian(wrapped_[neighbour] - wrapped_[site]) + translation(image);
  }

  // The translation of a candidate (or of a lattice vector, neighbour == site) in the input's own terms.
  bool input_image(std::size_t site, std::size_t neighbour, const Image& reduced, Image& image) const;

 private:
  void gather_images(std::size_t site, double inner2, double outer, Shell& shell) const;
  void gather_bins(std::size_t site, double inner2, double outer, Shell& shell) const;
  template <class Visit>
  void nearest_image(const Vec3& offset, double& best, Visit&& visit) const;
  template <class Visit>
  void visit_rows(const Vec3& centre, const double& square, Visit&& visit) const;
  Vec3 translation(const Image& image) const {
    return lattice_.cartesian(
        {static_cast<double>(image[0]), static_cast<double>(image[1]), static_cast<double>(image[2])});
  }
  void build_bins();

  Lattice lattice_;
  double spacing_;
  double reach_ = 0.0;
  bool by_atom_ = true;                            // how nearest_to searches
  std::vector<Vec3> wrapped_;                      // reduced fractional coordinates in [0, 1)
  std::vector<std::array<std::int64_t, 3>> wrap_;  // lattice vectors taken off by wrapping
  // Bins, only for many sites: atoms sorted by bin, the last axis fastest, so that a row of bins is contiguous.
  std::array<std::int64_t, 3> n_bins_{};
  std::vector<std::uint32_t> bin_start_;
  std::vector<std::int32_t> sorted_site_;
  std::vector<Vec3> sorted_position_;
};

}  // namespace seitz
