// Formal charges that a composition suggests: usual oxidation states that balance, anions the electronegative elements.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "environments.hpp"

namespace seitz {

class FormalCharges {
 public:
  // Chooses a charge for each element of a decoration. All are zero for an element alone, and where the most
  // electronegative one is no anion.
  void assign(const SpeciesTable& table, const Decoration& decoration);

  double of(std::int32_t element) const;  // in elementary charges

 private:
  struct Element {
    std::int32_t number;
    double fraction, negativity;
  };
  struct Option {
    double charge, cost;  // x q, and x (p + 0.3 q (X - mean X))
  };

  void count(const SpeciesTable& table, const Decoration& decoration);
  bool collect(const SpeciesTable& table);  // false where there are no anions
  void search(std::size_t level, double positive, double negative, double cost);
  void descend();
  double total(const std::vector<std::size_t>& choice) const;
  void settle();

  std::vector<Element> elements_;
  std::vector<std::vector<Option>> options_;
  std::vector<double> least_;  // cost of the elements from here on, at best
  std::vector<std::size_t> chosen_, best_;
  std::vector<double> charges_;
  double lowest_ = 0.0;
  std::size_t steps_ = 0;
};

}  // namespace seitz
