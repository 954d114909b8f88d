// Warren-Cowley magnitudes: how far random walks over the faces of cells see a chemistry other than the average.
//
// A step leaves a site through one of its faces with a probability proportional to the area. The first is free; later
// ones may not return. What a rule forbids is geometry, so walks are found once and serve any decoration: step s from
// site i ends like a free step from the sites in its list, less what the rule takes away (Ward et al., Phys. Rev. B
// 96, 024104).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "environments.hpp"
#include "tessellation.hpp"

namespace seitz {

enum class Walk : int {
  none = 0,           // no walks wanted
  self_avoiding = 1,  // never into an atom already visited
  no_reversal = 2,    // never back through the face just crossed
};

// The walks whose last step starts at `site`: it takes `reach` times the area of each face there. And the probability
// `back` of those steps of other walks that would have ended at `site` against the rule.
struct Landing {
  std::int32_t site;
  double reach;
  double back;
};

// Second and third steps of the walks from one site.
struct Landings {
  std::vector<Landing> second, third;
};

// Finds walks; keeps its buffers, so one finder per thread.
class WalkFinder {
 public:
  // `surfaces`: (n_sites) total face area of each cell.
  void find(const FaceView& faces, const std::vector<double>& surfaces, std::size_t site, Walk rule, Landings& found);

 private:
  double area_towards_start(const FaceView& faces, std::int32_t site, const Image& image) const;
  Landing& entry(std::vector<Landing>& list, std::int32_t site);

  std::vector<std::int32_t> first_face_, next_face_;  // faces of the start by the site behind them, as linked lists
  std::size_t begin_ = 0;                             // its first face
  std::vector<std::int32_t> position_;                // by site: its place in the list being filled, -1 if it has none
};

// Chemistry of one decoration as walks see it.
class WalkedDecoration {
 public:
  void assign(const FaceView& faces, const SpeciesTable& table, const Decoration& decoration);
  std::size_t n_elements() const { return fractions_.size(); }
  bool is_pure() const { return fractions_.size() < 2; }

  // sum over elements of |1 - q_s(e) / x_e| for the walks from one site, s = 1, 2, 3.
  void deviations(double surface, std::size_t site, const Landings& landings, double* out);

 private:
  double deviation() const;
  void add_site(std::size_t site, double factor);

  std::vector<double> fractions_;       // x_e by local element
  std::vector<double> content_;         // (n_species, n_elements) share of each element on a site of that species
  std::vector<double> around_;          // (n_sites, n_elements) area towards each element
  std::vector<std::uint32_t> species_;  // by site
  std::vector<double> landed_;
};

}  // namespace seitz
