// A host structure and its changes: only the rows that a change can reach are computed again.
//
// A row depends on the faces of one cell and the species behind them. A substitution leaves all cells as they are and
// reaches the site and its face neighbours. A removed atom changes the cells of its neighbours; an added one changes
// those that become its neighbours. All other rows are the host's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "decorations.hpp"

namespace seitz {

// One atom that differs from the host. A substitution has a site and a species; a vacancy a site and no species; an
// interstitial a species and a position; a displaced atom all three.
struct Change {
  std::int64_t site = -1;
  std::int32_t species = -1;
  bool moved = false;
  Vec3 position;  // fractional
};

class Host {
 public:
  Host(const double* lattice, const double* frac_coords, const std::int32_t* species, std::size_t n_sites,
       const SpeciesTable& table, std::size_t n_threads);

  const Status& status() const { return status_; }  // of the tessellation
  std::size_t n_classes() const { return class_counts_.size(); }
  std::size_t n_sites() const { return n_sites_; }

  struct Workspace {
    DecoratedGeometry::Workspace decorated;
    CellBuilder builder;
    std::vector<Face> faces;
    std::vector<double> areas, distances, weights, share, rows, row_weights, remaining, coords;
    std::vector<std::int32_t> neighbours, species;
    std::vector<std::int64_t> host_site;   // of each site of the changed structure, -1 for an added atom
    std::vector<std::int64_t> final_site;  // of each host site, -1 where it is gone
    std::vector<std::size_t> reached;
    std::vector<std::uint8_t> is_reached;
    std::size_t n_rows = 0, n_cells = 0;  // computed for the last structure
  };

  // The block of the host with these changes. A failure names sites of the changed structure: those of the host that
  // are left, in their order, then the added ones.
  Status featurize(const SpeciesTable& table, const Change* changes, std::size_t n_changes, Workspace& work,
                   double* block) const;

 private:
  Status rows_of_same_cells(const SpeciesTable& table, const Change* changes, std::size_t n_changes,
                            Workspace& work) const;
  Status rows_of_changed_cells(const SpeciesTable& table, const Change* changes, std::size_t n_changes,
                               Workspace& work) const;
  void reach(std::size_t site, Workspace& work) const;
  void reach_neighbours(std::size_t host_site, Workspace& work) const;
  void take_host_row(std::size_t host_site, Workspace& work) const;
  void put_decoration(const SpeciesTable& table, Workspace& work) const;
  void group_rows(const SpeciesTable& table);

  std::size_t n_sites_, n_properties_;
  std::vector<double> lattice_, coords_;
  std::vector<std::int32_t> species_;
  double volume_ = 0.0;
  Status status_;
  FaceTable faces_;
  std::vector<double> rows_, weights_;
  // Equal rows once, with the number of sites that have them.
  std::vector<std::uint32_t> class_of_;
  std::vector<double> class_rows_, class_counts_;
};

}  // namespace seitz
