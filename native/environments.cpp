#include "environments.hpp"

#include <algorithm>
#include <cmath>

namespace seitz {

void Decoration::assign(const SpeciesTable& table, const std::int32_t* species, std::size_t n_sites) {
  if (number_of_.size() < table.n_species) number_of_.assign(table.n_species, -1);
  species_.clear();
  counts_.clear();
  local_.resize(n_sites);
  for (std::size_t site = 0; site < n_sites; ++site) {
    const auto s = static_cast<std::size_t>(species[site]);
    if (number_of_[s] < 0) {
      number_of_[s] = static_cast<std::int32_t>(species_.size());
      species_.push_back(s);
      counts_.push_back(0.0);
    }
    local_[site] = static_cast<std::uint32_t>(number_of_[s]);
    counts_[local_[site]] += 1.0;
  }
  for (const std::size_t s : species_) number_of_[s] = -1;
  n_sites_ = static_cast<double>(n_sites);
}

void Decoration::assign_counts(const std::vector<std::size_t>& species, const std::vector<double>& counts) {
  local_.clear();
  species_.clear();
  counts_.clear();
  n_sites_ = 0.0;
  for (std::size_t k = 0; k < species.size(); ++k) {
    if (!(counts[k] > 0.0)) continue;
    species_.push_back(species[k]);
    counts_.push_back(counts[k]);
    n_sites_ += counts[k];
  }
}

void geometry_row(const double* areas, const double* distances, std::size_t n_faces, double* row, double* weights) {
  constexpr double kPi = 3.14159265358979323846;
  double surface = 0.0, squares = 0.0, volume = 0.0, nearest = distances[0], mean = 0.0;
  for (std::size_t k = 0; k < n_faces; ++k) {
    surface += areas[k];
    squares += areas[k] * areas[k];
    volume += areas[k] * distances[k];
    nearest = std::min(nearest, distances[k]);
  }
  for (std::size_t k = 0; k < n_faces; ++k) {
    weights[k] = areas[k] / surface;
    mean += weights[k] * distances[k];
  }
  double variation = 0.0;
  for (std::size_t k = 0; k < n_faces; ++k) {
    variation += weights[k] * std::fabs(distances[k] - mean);
  }
  const double radius = 0.5 * nearest;
  row[kCoordination] = surface * surface / squares;
  row[kBondLength] = mean;
  row[kBondVariation] = variation / mean;
  row[kCellVolume] = volume / 6.0;
  row[kInscribed] = 4.0 / 3.0 * kPi * radius * radius * radius;
}

// Faces are first added up by the species behind them: a site sees few species, so few differences are formed.
template <class Index>
void difference_row(const SpeciesTable& table, const Decoration& decoration, std::size_t site, const Index* neighbours,
                    const double* weights, std::size_t n_faces, double* share, double* row) {
  const std::size_t n_properties = table.n_properties;
  for (std::size_t k = 0; k < n_faces; ++k) {
    share[decoration.local(static_cast<std::size_t>(neighbours[k]))] += weights[k];
  }
  std::fill(row, row + n_properties, 0.0);
  const std::size_t own = decoration.local(site);
  const double* mine = table.of(decoration.species(own));
  for (std::size_t other = 0; other < decoration.n_species(); ++other) {
    const double weight = share[other];
    share[other] = 0.0;
    if (other == own || weight == 0.0) continue;
    const double* theirs = table.of(decoration.species(other));
    for (std::size_t j = 0; j < n_properties; ++j) {
      row[j] += weight * std::fabs(mine[j] - theirs[j]);
    }
  }
}

template void difference_row<std::int32_t>(const SpeciesTable&, const Decoration&, std::size_t, const std::int32_t*,
                                           const double*, std::size_t, double*, double*);

}  // namespace seitz
