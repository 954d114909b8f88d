// Whole batches of structures to feature blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "decorations.hpp"
#include "tessellation.hpp"

namespace seitz {

// Structures one after the other in flat arrays.
struct StructureBatch {
  std::size_t n_structures = 0;
  const double* lattices = nullptr;       // (n_structures, 3, 3)
  const std::int64_t* offsets = nullptr;  // (n_structures + 1) first site of each
  const double* frac_coords = nullptr;    // (n_sites, 3)
  const std::int32_t* species = nullptr;  // (n_sites)
  const double* weights = nullptr;        // (n_sites) multiplicity, 0 to leave a site out; null: every site counts once
};

// The two neighbours that are closest in units of the sum of their covalent radii; sites -1 where no radius is known.
struct Contact {
  double ratio = std::numeric_limits<double>::infinity();
  std::int64_t site = -1, other = -1;
};

// (n_structures, block_size) feature blocks. A structure that fails leaves NaN and its status.
void featurize_batch(const StructureBatch& batch, const SpeciesTable& table, const Sections& sections,
                     std::size_t n_threads, double* blocks, Status* statuses, Contact* contacts);

}  // namespace seitz
