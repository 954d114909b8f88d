#include "ionic.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace seitz {
namespace {

constexpr double kCoulomb = 14.3996448;  // e^2 / (4 pi eps0), eV angstrom
constexpr double kDecay = 0.37;          // angstrom, of bond valences with length
constexpr double kNoCharge = 1e-9;

// Averages over the sites that count and that a role admits.
template <class Admits>
class Average {
 public:
  Average(const CountedSites& counted, Admits admits) : counted_(counted), admits_(admits) {
    each([&](std::size_t, std::size_t, double w) { total_ += w; });
  }

  template <class Value>
  double mean(Value value) const {
    double sum = 0.0;
    each([&](std::size_t s, std::size_t site, double w) { sum += w * value(s, site); });
    return total_ > 0.0 ? sum / total_ : 0.0;
  }
  template <class Value>
  double rms(Value value) const {
    return std::sqrt(mean([&](std::size_t s, std::size_t site) { return value(s, site) * value(s, site); }));
  }
  template <class Value>
  double deviation(Value value) const {
    const double middle = mean(value);
    return mean([&](std::size_t s, std::size_t site) { return std::fabs(value(s, site) - middle); });
  }
  template <class Value>
  double max(Value value) const {
    double most = -std::numeric_limits<double>::infinity();
    each([&](std::size_t s, std::size_t site, double) { most = std::max(most, value(s, site)); });
    return total_ > 0.0 ? most : 0.0;
  }

 private:
  template <class Body>
  void each(Body&& body) const {
    for (std::size_t s = 0; s < counted_.sites.size(); ++s) {
      const std::size_t site = counted_.sites[s];
      if (admits_(site)) body(s, site, counted_.weights ? counted_.weights[s] : 1.0);
    }
  }

  const CountedSites& counted_;
  Admits admits_;
  double total_ = 0.0;
};

// Mean absolute deviation from the mean of the sites of the same species.
template <class Value>
double within_species(const Decoration& decoration, const CountedSites& counted, Value value) {
  std::vector<double> sums(decoration.n_species(), 0.0), weights(decoration.n_species(), 0.0);
  const auto weight = [&](std::size_t s) { return counted.weights ? counted.weights[s] : 1.0; };
  for (std::size_t s = 0; s < counted.sites.size(); ++s) {
    const std::size_t local = decoration.local(counted.sites[s]);
    sums[local] += weight(s) * value(s, counted.sites[s]);
    weights[local] += weight(s);
  }
  double total = 0.0, deviation = 0.0;
  for (std::size_t s = 0; s < counted.sites.size(); ++s) {
    const std::size_t local = decoration.local(counted.sites[s]);
    total += weight(s);
    deviation += weight(s) * std::fabs(value(s, counted.sites[s]) - sums[local] / weights[local]);
  }
  return deviation / total;
}

const auto kEvery = [](std::size_t) { return true; };

}  // namespace

void Ions::charge(const SpeciesTable& table, const Decoration& decoration, const CountedSites& counted) {
  formal_.assign(table, decoration);
  by_species_.assign(decoration.n_species(), Charges{});
  Charges sum{};
  for (std::size_t local = 0; local < decoration.n_species(); ++local) {
    const std::size_t species = decoration.species(local);
    for (std::int64_t k = table.offsets[species]; k < table.offsets[species + 1]; ++k) {
      by_species_[local][0] += table.amounts[k] * formal_.of(table.elements[k]);
    }
    by_species_[local][1] = -table.ionic.of(species)[SpeciesTable::kNegativity];
    for (std::size_t set = 0; set < kChargeSets; ++set) sum[set] += decoration.count(local) * by_species_[local][set];
  }
  // The second set is neutral by its definition; the first is up to rounding.
  for (Charges& q : by_species_) {
    for (std::size_t set = 0; set < kChargeSets; ++set) {
      q[set] -= sum[set] / decoration.n_sites();
      if (std::fabs(q[set]) < kNoCharge) q[set] = 0.0;
    }
  }
  const auto n = static_cast<std::size_t>(decoration.n_sites());
  charges_.resize(n);
  for (std::size_t i = 0; i < n; ++i) charges_[i] = by_species_[decoration.local(i)];
  potentials_.assign(counted.sites.size(), Charges{});
}

// Every ion shares out its charge over the faces to ions of the other sign, as exp(-d / 0.37 angstrom) beyond the sum
// of radii; and every such face is a bond whose valence falls in the same way from that at the sum of bond radii.
void Ions::bond(const SpeciesTable& table, const Decoration& decoration, const FaceView& faces) {
  const std::size_t n = faces.n_sites, n_species = decoration.n_species();
  contact_.resize(n_species * n_species);
  strength_.resize(n_species * n_species);
  for (std::size_t a = 0; a < n_species; ++a) {
    for (std::size_t b = 0; b < n_species; ++b) {
      const double *one = table.ionic.of(decoration.species(a)), *two = table.ionic.of(decoration.species(b));
      const double r1 = one[SpeciesTable::kBondRadius], c1 = one[SpeciesTable::kBondSoftness];
      const double r2 = two[SpeciesTable::kBondRadius], c2 = two[SpeciesTable::kBondSoftness];
      const double gap = std::sqrt(c1) - std::sqrt(c2);
      const double single = r1 + r2 - r1 * r2 * gap * gap / (c1 * r1 + c2 * r2);
      const double contact = one[SpeciesTable::kRadius] + two[SpeciesTable::kRadius];
      contact_[a * n_species + b] = contact;
      strength_[a * n_species + b] = std::exp((single - contact) / kDecay);
    }
  }
  bonds_.shared.resize(n);
  for (std::size_t i = 0; i < n; ++i) bonds_.shared[i] = charges_[i][0];
  bonds_.valence.assign(n, 0.0);
  bonds_.lopsided.assign(n, 0.0);
  std::vector<double> beyond;  // of each face to the other sign, in units of the decay
  for (std::size_t i = 0; i < n; ++i) {
    const double own = charges_[i][0];
    if (own == 0.0) continue;
    const std::size_t row = decoration.local(i) * n_species;
    const auto opposite = [&](std::size_t f) {
      return own * charges_[static_cast<std::size_t>(faces.neighbours[f])][0] < 0.0;
    };
    const auto pair = [&](std::size_t f) {
      return row + decoration.local(static_cast<std::size_t>(faces.neighbours[f]));
    };
    const std::size_t first = faces.begin(i), last = faces.begin(i + 1);
    beyond.resize(last - first);
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t f = first; f < last; ++f) {
      if (!opposite(f)) continue;
      beyond[f - first] = (faces.distances[f] - contact_[pair(f)]) / kDecay;
      least = std::min(least, beyond[f - first]);
    }
    if (std::isinf(least)) continue;
    const double scale = std::exp(-least);
    double total = 0.0;
    Vec3 vector;
    for (std::size_t f = first; f < last; ++f) {
      if (!opposite(f)) continue;
      const double share = std::exp(least - beyond[f - first]);
      beyond[f - first] = share;
      total += share;
      const double valence = share * scale * strength_[pair(f)];
      bonds_.valence[i] += valence;
      vector = vector + valence * faces.directions[f];
    }
    bonds_.lopsided[i] = std::sqrt(norm2(vector));
    for (std::size_t f = first; f < last; ++f) {
      if (opposite(f)) bonds_.shared[static_cast<std::size_t>(faces.neighbours[f])] += own * beyond[f - first] / total;
    }
  }
}

double* Ions::write_bonds(const Decoration& decoration, const CountedSites& counted, double* out) const {
  const auto charge = [&](std::size_t, std::size_t site) { return charges_[site][0]; };
  const auto shared = [&](std::size_t, std::size_t site) { return bonds_.shared[site]; };
  const auto excess = [&](std::size_t, std::size_t site) {
    return charges_[site][0] == 0.0 ? 0.0 : bonds_.valence[site] - std::fabs(charges_[site][0]);
  };
  const auto lopsided = [&](std::size_t, std::size_t site) { return bonds_.lopsided[site]; };
  const auto negated = [](auto value) { return [=](std::size_t s, std::size_t site) { return -value(s, site); }; };
  const auto size = [](auto value) {
    return [=](std::size_t s, std::size_t site) { return std::fabs(value(s, site)); };
  };
  const auto role = [&](double sign) {
    return Average(counted, [&, sign](std::size_t site) { return sign * charges_[site][0] > 0.0; });
  };
  const auto cations = role(1.0), anions = role(-1.0);
  const Average all(counted, kEvery);
  for (const auto* ions : {&cations, &anions}) {
    const double sign = ions == &cations ? 1.0 : -1.0, usual = ions->mean(charge);
    const auto balance = [&](std::size_t s, std::size_t site) {
      return sign * charges_[site][0] > 0.0 ? shared(s, site) : 0.0;
    };
    *out++ = ions->rms(balance);
    *out++ = ions->mean(size(balance));
    *out++ = ions->max(size(balance));
    *out++ = within_species(decoration, counted, balance);
    *out++ = all.mean([&](std::size_t s, std::size_t site) { return balance(s, site) * (charge(s, site) - usual); });
  }
  *out++ = all.rms(excess);
  *out++ = all.mean(excess);
  for (const auto* ions : {&cations, &anions}) {
    *out++ = ions->mean(excess);
    *out++ = ions->rms(excess);
    *out++ = ions->deviation(excess);
    *out++ = ions->max(excess);
    *out++ = -ions->max(negated(excess));
  }
  *out++ = within_species(decoration, counted, excess);
  for (const auto* ions : {&cations, &anions}) {
    *out++ = ions->mean(lopsided);
    *out++ = ions->deviation(lopsided);
  }
  *out++ = all.mean(lopsided);
  return out;
}

double* Ions::write_potentials(const Decoration& decoration, const CountedSites& counted, double spacing,
                               std::size_t set, double* out) const {
  const auto charge = [&](std::size_t, std::size_t site) { return charges_[site][set]; };
  const auto potential = [&](std::size_t s, std::size_t) { return kCoulomb * potentials_[s][set]; };
  const Average all(counted, kEvery);
  const Average charged(counted, [&](std::size_t site) { return charges_[site][set] != 0.0; });
  const auto product = [&](std::size_t s, std::size_t site) { return charge(s, site) * potential(s, site); };
  const double energy = 0.5 * all.mean(product), square = std::pow(all.rms(charge), 2);
  const double middle = all.mean(potential), slope = square > 0.0 ? 2.0 * energy / square : 0.0;
  *out++ = energy;
  *out++ = square > 0.0 ? energy * spacing / (square * kCoulomb) : 0.0;
  for (const double sign : {1.0, -1.0}) {
    const Average ions(counted, [&](std::size_t site) { return sign * charges_[site][set] > 0.0; });
    *out++ = ions.mean(potential);
    *out++ = ions.deviation(potential);
  }
  *out++ = within_species(decoration, counted, potential);
  *out++ = all.rms([&](std::size_t s, std::size_t site) { return potential(s, site) - middle; });
  *out++ = charged.max([&](std::size_t s, std::size_t site) {
    return charge(s, site) > 0.0 ? potential(s, site) : -potential(s, site);
  }) * spacing /
           kCoulomb;
  *out++ = all.rms([&](std::size_t s, std::size_t site) {
    return potential(s, site) - middle - slope * charge(s, site);
  }) * spacing;
  return out;
}

void Ions::write(const SpeciesTable& table, const Decoration& decoration, const FaceView& faces, const Ewald& sums,
                 const CountedSites& counted, std::size_t n_threads, double* out) {
  charge(table, decoration, counted);
  bond(table, decoration, faces);
  const bool any =
      std::any_of(by_species_.begin(), by_species_.end(), [](const Charges& q) { return q[0] != 0.0 || q[1] != 0.0; });
  if (any) potentials_ = sums.potentials(charges_, counted.sites, n_threads);
  const double spacing = std::cbrt(faces.volume / decoration.n_sites());
  out = write_bonds(decoration, counted, out);
  for (std::size_t set = 0; set < kChargeSets; ++set) {
    out = write_potentials(decoration, counted, spacing, set, out);
  }
}

}  // namespace seitz
