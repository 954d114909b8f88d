#include "charges.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace seitz {
namespace {

constexpr double kImbalance = 3.0;     // cost of charges that do not balance at all
constexpr double kNegativity = 0.3;    // cost of a positive charge on an electronegative element
constexpr std::size_t kSteps = 20000;  // of the whole search; compositions beyond are then improved one by one

double cost_of(double positive, double negative, double cost) {
  if (!(positive > 0.0 && negative > 0.0)) return std::numeric_limits<double>::infinity();
  return kImbalance * std::fabs(positive - negative) / std::max(positive, negative) + cost;
}

}  // namespace

void FormalCharges::count(const SpeciesTable& table, const Decoration& decoration) {
  elements_.clear();
  double all = 0.0;
  for (std::size_t local = 0; local < decoration.n_species(); ++local) {
    const std::size_t species = decoration.species(local);
    for (std::int64_t k = table.offsets[species]; k < table.offsets[species + 1]; ++k) {
      const double amount = table.amounts[k] * decoration.count(local);
      const std::int32_t z = table.elements[k];
      const auto known =
          std::find_if(elements_.begin(), elements_.end(), [&](const Element& e) { return e.number == z; });
      if (known == elements_.end()) {
        elements_.push_back({z, amount, table.ionic.of(static_cast<std::size_t>(z))[SpeciesTable::kNegativity]});
      } else {
        known->fraction += amount;
      }
      all += amount;
    }
  }
  for (Element& element : elements_) element.fraction /= all;
  std::sort(elements_.begin(), elements_.end(), [](const Element& a, const Element& b) { return a.number < b.number; });
}

// The most electronegative element is an anion, the least one a cation; of equal ones the lighter is the anion.
bool FormalCharges::collect(const SpeciesTable& table) {
  const std::size_t n = elements_.size();
  std::size_t top = 0, bottom = 0;
  double mean = 0.0;
  for (std::size_t e = 0; e < n; ++e) {
    if (elements_[e].negativity > elements_[top].negativity) top = e;
    if (elements_[e].negativity <= elements_[bottom].negativity) bottom = e;
    mean += elements_[e].negativity / static_cast<double>(n);
  }
  options_.resize(n);
  least_.assign(n + 1, 0.0);
  for (std::size_t e = n; e-- > 0;) {
    const Element& element = elements_[e];
    const auto z = static_cast<std::size_t>(element.number);
    options_[e].clear();
    const auto offer = [&](double charge, double cost) {
      options_[e].push_back(
          {element.fraction * charge, element.fraction * (cost + kNegativity * charge * (element.negativity - mean))});
    };
    for (std::int64_t k = table.ionic.offsets[z]; k < table.ionic.offsets[z + 1]; ++k) {
      const double charge = table.ionic.charges[k];
      if ((e == top && charge > 0.0) || (e == bottom && e != top && charge < 0.0)) continue;
      offer(charge, table.ionic.costs[k]);
    }
    if (options_[e].empty()) {
      if (e == top) return false;
      offer(e == bottom ? 1.0 : 0.0, 0.0);
    }
    const auto cheapest = std::min_element(options_[e].begin(), options_[e].end(),
                                           [](const Option& a, const Option& b) { return a.cost < b.cost; });
    least_[e] = least_[e + 1] + cheapest->cost;
  }
  return true;
}

void FormalCharges::search(std::size_t level, double positive, double negative, double cost) {
  if (level == elements_.size()) {
    const double found = cost_of(positive, negative, cost);
    if (found < lowest_) {
      lowest_ = found;
      best_ = chosen_;
    }
    return;
  }
  for (std::size_t o = 0; o < options_[level].size() && steps_ < kSteps; ++o) {
    const Option& option = options_[level][o];
    if (cost + option.cost + least_[level + 1] >= lowest_) continue;
    ++steps_;
    chosen_[level] = o;
    search(level + 1, positive + std::max(0.0, option.charge), negative + std::max(0.0, -option.charge),
           cost + option.cost);
  }
}

double FormalCharges::total(const std::vector<std::size_t>& choice) const {
  double positive = 0.0, negative = 0.0, cost = 0.0;
  for (std::size_t e = 0; e < choice.size(); ++e) {
    const Option& option = options_[e][choice[e]];
    positive += std::max(0.0, option.charge);
    negative += std::max(0.0, -option.charge);
    cost += option.cost;
  }
  return cost_of(positive, negative, cost);
}

// One charge after the other is changed as long as that helps.
void FormalCharges::descend() {
  for (bool better = !best_.empty(); better;) {
    better = false;
    for (std::size_t e = 0; e < best_.size(); ++e) {
      std::vector<std::size_t> other = best_;
      for (std::size_t o = 0; o < options_[e].size(); ++o) {
        other[e] = o;
        const double found = total(other);
        if (found < lowest_ - 1e-12) {
          lowest_ = found;
          best_ = other;
          better = true;
        }
      }
    }
  }
}

// What is left over is taken by the cations, as in mixed valence.
void FormalCharges::settle() {
  if (best_.empty()) return;
  double positive = 0.0, negative = 0.0;
  for (std::size_t e = 0; e < best_.size(); ++e) {
    const double charge = options_[e][best_[e]].charge;
    (charge > 0.0 ? positive : negative) += std::fabs(charge);
  }
  for (std::size_t e = 0; e < best_.size(); ++e) {
    const double charge = options_[e][best_[e]].charge / elements_[e].fraction;
    charges_[e] = charge > 0.0 ? charge * negative / positive : charge;
  }
}

void FormalCharges::assign(const SpeciesTable& table, const Decoration& decoration) {
  count(table, decoration);
  charges_.assign(elements_.size(), 0.0);
  if (elements_.size() < 2 || !collect(table)) return;
  chosen_.assign(elements_.size(), 0);
  best_.clear();
  lowest_ = std::numeric_limits<double>::infinity();
  steps_ = 0;
  search(0, 0.0, 0.0, 0.0);
  if (steps_ == kSteps) descend();
  settle();
}

double FormalCharges::of(std::int32_t element) const {
  for (std::size_t e = 0; e < elements_.size(); ++e) {
    if (elements_[e].number == element) return charges_[e];
  }
  return 0.0;
}

}  // namespace seitz
