#include "walks.hpp"

#include <algorithm>
#include <cmath>

namespace seitz {

Landing& WalkFinder::entry(std::vector<Landing>& list, std::int32_t site) {
  std::int32_t& position = position_[static_cast<std::size_t>(site)];
  if (position < 0) {
    position = static_cast<std::int32_t>(list.size());
    list.push_back({site, 0.0, 0.0});
  }
  return list[static_cast<std::size_t>(position)];
}

// Area of the face between the start and an atom, zero where they are no neighbours.
double WalkFinder::area_towards_start(const FaceView& faces, std::int32_t site, const Image& image) const {
  for (std::int32_t f = first_face_[static_cast<std::size_t>(site)]; f >= 0;) {
    const auto face = static_cast<std::size_t>(f);
    if (faces.images[face] == image) return faces.areas[face];
    f = next_face_[face - begin_];
  }
  return 0.0;
}

void WalkFinder::find(const FaceView& faces, const std::vector<double>& surfaces, std::size_t site, Walk rule,
                      Landings& found) {
  position_.resize(faces.n_sites, -1);
  first_face_.resize(faces.n_sites, -1);
  const std::size_t begin = faces.begin(site), end = faces.begin(site + 1);
  const auto start = static_cast<std::int32_t>(site);
  begin_ = begin;
  next_face_.resize(end - begin);
  for (std::size_t f = end; f-- > begin;) {
    std::int32_t& first = first_face_[static_cast<std::size_t>(faces.neighbours[f])];
    next_face_[f - begin] = first;
    first = static_cast<std::int32_t>(f);
  }
  const auto reset = [&](const std::vector<Landing>& list) {
    for (const Landing& landing : list) position_[static_cast<std::size_t>(landing.site)] = -1;
  };

  found.second.clear();
  for (std::size_t f = begin; f < end; ++f) {
    const std::int32_t j = faces.neighbours[f];
    const double p = faces.areas[f] / surfaces[site] / (surfaces[static_cast<std::size_t>(j)] - faces.areas[f]);
    entry(found.second, j).reach += p;
    entry(found.second, start).back += p * faces.areas[f];
  }
  reset(found.second);

  found.third.clear();
  for (std::size_t f = begin; f < end; ++f) {
    const auto j = static_cast<std::size_t>(faces.neighbours[f]);
    const Image& at = faces.images[f];
    const double first = faces.areas[f] / surfaces[site] / (surfaces[j] - faces.areas[f]);
    double back_to_second = 0.0, back_to_start = 0.0;
    for (std::size_t g = faces.begin(j); g < faces.begin(j + 1); ++g) {
      const std::int32_t k = faces.neighbours[g];
      const Image& step = faces.images[g];
      const Image image{at[0] + step[0], at[1] + step[1], at[2] + step[2]};
      if (k == start && image == Image{0, 0, 0}) continue;
      const double area = faces.areas[g];
      const double closing = rule == Walk::self_avoiding ? area_towards_start(faces, k, image) : 0.0;
      const double p = first * area / (surfaces[static_cast<std::size_t>(k)] - area - closing);
      entry(found.third, k).reach += p;
      back_to_second += p * area;
      back_to_start += p * closing;
    }
    entry(found.third, static_cast<std::int32_t>(j)).back += back_to_second;
    entry(found.third, start).back += back_to_start;
  }
  reset(found.third);
  for (std::size_t f = begin; f < end; ++f) first_face_[static_cast<std::size_t>(faces.neighbours[f])] = -1;
}

void WalkedDecoration::assign(const FaceView& faces, const SpeciesTable& table, const Decoration& decoration) {
  // Elements of the decoration under local numbers, and what share of a site of each species they have.
  std::vector<std::int32_t> elements;
  fractions_.clear();
  std::vector<std::vector<double>> content(decoration.n_species());
  double total = 0.0;
  for (std::size_t local = 0; local < decoration.n_species(); ++local) {
    const std::size_t species = decoration.species(local);
    double occupied = 0.0;
    for (std::int64_t c = table.offsets[species]; c < table.offsets[species + 1]; ++c) occupied += table.amounts[c];
    for (std::int64_t c = table.offsets[species]; c < table.offsets[species + 1]; ++c) {
      const auto known =
          static_cast<std::size_t>(std::find(elements.begin(), elements.end(), table.elements[c]) - elements.begin());
      if (known == elements.size()) {
        elements.push_back(table.elements[c]);
        fractions_.push_back(0.0);
      }
      fractions_[known] += table.amounts[c] * decoration.count(local);
      if (content[local].size() <= known) content[local].resize(known + 1, 0.0);
      content[local][known] += table.amounts[c] / occupied;
    }
    total += occupied * decoration.count(local);
  }
  const std::size_t n_elements = elements.size();
  for (double& x : fractions_) x /= total;
  content_.assign(decoration.n_species() * n_elements, 0.0);
  for (std::size_t local = 0; local < content.size(); ++local) {
    std::copy(content[local].begin(), content[local].end(),
              content_.begin() + static_cast<std::ptrdiff_t>(local * n_elements));
  }
  species_.resize(faces.n_sites);
  for (std::size_t i = 0; i < faces.n_sites; ++i) species_[i] = static_cast<std::uint32_t>(decoration.local(i));
  landed_.assign(n_elements, 0.0);
  if (is_pure()) return;
  around_.assign(faces.n_sites * n_elements, 0.0);
  for (std::size_t i = 0; i < faces.n_sites; ++i) {
    double* around = around_.data() + i * n_elements;
    for (std::size_t f = faces.begin(i); f < faces.begin(i + 1); ++f) {
      const double* share = content_.data() + species_[static_cast<std::size_t>(faces.neighbours[f])] * n_elements;
      for (std::size_t e = 0; e < n_elements; ++e) around[e] += faces.areas[f] * share[e];
    }
  }
}

double WalkedDecoration::deviation() const {
  double sum = 0.0;
  for (std::size_t e = 0; e < landed_.size(); ++e) sum += std::fabs(1.0 - landed_[e] / fractions_[e]);
  return sum;
}

void WalkedDecoration::add_site(std::size_t site, double factor) {
  const double* share = content_.data() + species_[site] * landed_.size();
  for (std::size_t e = 0; e < landed_.size(); ++e) landed_[e] += factor * share[e];
}

void WalkedDecoration::deviations(double surface, std::size_t site, const Landings& landings, double* out) {
  const std::size_t n_elements = landed_.size();
  const double* around = around_.data() + site * n_elements;
  for (std::size_t e = 0; e < n_elements; ++e) landed_[e] = around[e] / surface;
  out[0] = deviation();
  const std::vector<Landing>* const lists[2] = {&landings.second, &landings.third};
  for (int step = 0; step < 2; ++step) {
    std::fill(landed_.begin(), landed_.end(), 0.0);
    for (const Landing& landing : *lists[step]) {
      const auto k = static_cast<std::size_t>(landing.site);
      const double* from = around_.data() + k * n_elements;
      for (std::size_t e = 0; e < n_elements; ++e) landed_[e] += landing.reach * from[e];
      add_site(k, -landing.back);
    }
    out[step + 1] = deviation();
  }
}

}  // namespace seitz
