// Python bindings: check shapes, release the interpreter lock, call, hand the arrays over. Nothing is computed here.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/tuple.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "batch.hpp"
#include "ensemble.hpp"
#include "host.hpp"
#include "parallel.hpp"
#include "random_alloy.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

template <class T, class... Shape>
using In = nb::ndarray<const T, nb::numpy, nb::c_contig, nb::device::cpu, Shape...>;
template <class T>
using Out = nb::ndarray<nb::numpy, T>;

using Lattice3 = In<double, nb::shape<3, 3>>;
using Coords = In<double, nb::shape<-1, 3>>;
using Doubles = In<double, nb::ndim<1>>;
using Table = In<double, nb::ndim<2>>;
using Ints = In<std::int32_t, nb::ndim<1>>;
using Longs = In<std::int64_t, nb::ndim<1>>;

template <class T>
Out<T> owned(std::vector<T>&& values, std::initializer_list<std::size_t> shape) {
  auto* keep = new std::vector<T>(std::move(values));
  const nb::capsule owner(keep, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
  return Out<T>(keep->data(), shape, owner);
}

void require(bool condition, const char* message) {
  if (!condition) throw nb::value_error(message);
}

// The species table of Python: properties, elements of each species, ionic electronegativities, valence columns,
// oxidation states of each element, columns of what has a scale; of ions: properties, charges that each element may
// take, and what these cost.
using TableArrays =
    std::tuple<Table, Longs, Ints, Doubles, Doubles, Ints, Longs, Ints, Ints, Table, Longs, Ints, Doubles>;

seitz::SpeciesTable species_table(const TableArrays& arrays) {
  const auto& [properties, offsets, elements, amounts, negativity, valence, state_offsets, states, scale, ionic,
               charge_offsets, charges, costs] = arrays;
  require(offsets.shape(0) == properties.shape(0) + 1, "species offsets do not match the property table");
  require(elements.shape(0) == amounts.shape(0), "species elements and amounts differ in length");
  require(valence.shape(0) == 4, "four valence columns are needed");
  require(state_offsets.shape(0) == negativity.shape(0) + 1, "oxidation states of every element are needed");
  require(scale.shape(0) == 4 && std::all_of(scale.data(), scale.data() + 4,
                                             [&, n = properties.shape(1)](std::int32_t c) {
                                               return c >= 0 && static_cast<std::size_t>(c) < n;
                                             }),
          "four columns are needed for what has a scale");
  require(ionic.shape(0) == properties.shape(0) && ionic.shape(1) == seitz::SpeciesTable::kIonicColumns,
          "four properties of every ion are needed");
  require(charge_offsets.shape(0) == negativity.shape(0) + 1 && charges.shape(0) == costs.shape(0),
          "charges of every element are needed, and their costs");
  const auto column = [&, first = scale.data()](std::size_t k) { return static_cast<std::size_t>(first[k]); };
  return {properties.shape(0),
          properties.shape(1),
          properties.data(),
          offsets.data(),
          elements.data(),
          amounts.data(),
          negativity.data(),
          valence.data(),
          state_offsets.data(),
          states.data(),
          {column(0), column(1), column(2), column(3)},
          {ionic.data(), charge_offsets.data(), charges.data(), costs.data()}};
}

// An index beyond the table would be read as memory: checked once per call, whatever Python promised.
void require_species(const std::int32_t* species, std::size_t n, const seitz::SpeciesTable& table) {
  const bool known = std::all_of(
      species, species + n, [&](std::int32_t s) { return s >= 0 && static_cast<std::size_t>(s) < table.n_species; });
  require(known, "a species index is outside the property table");
}

// Rule of the walks, 4 if the section of scale is wanted, 8 if the ionic one is.
seitz::Sections wanted_sections(int code) {
  const int walk = code % 4;
  require(code >= 0 && code < 16 && walk <= 2, "no such sections");
  return {static_cast<seitz::Walk>(walk), (code & 4) != 0, (code & 8) != 0};
}

std::tuple<int, std::int64_t, std::int64_t> as_tuple(const seitz::Status& status) {
  return {static_cast<int>(status.failure), status.site, status.other};
}

auto featurize_batch(const In<double, nb::shape<-1, 3, 3>>& lattices, const Longs& offsets, const Coords& frac_coords,
                     const Ints& species, const std::optional<Doubles>& weights, const TableArrays& table, int sections,
                     std::size_t n_threads) {
  const std::size_t n = lattices.shape(0);
  require(offsets.shape(0) == n + 1, "offsets must have one entry more than lattices");
  require(species.shape(0) == frac_coords.shape(0), "one species per site is needed");
  require(!weights || weights->shape(0) == species.shape(0), "one weight per site is needed");
  const seitz::SpeciesTable properties = species_table(table);
  require_species(species.data(), species.shape(0), properties);
  const seitz::StructureBatch batch{
      n, lattices.data(), offsets.data(), frac_coords.data(), species.data(), weights ? weights->data() : nullptr};
  const std::size_t width = seitz::block_size(properties.n_properties);
  std::vector<double> blocks(n * width);
  std::vector<std::int64_t> codes(3 * n);
  std::vector<double> closeness(n);
  {
    const nb::gil_scoped_release unlocked;
    std::vector<seitz::Status> statuses(n);
    std::vector<seitz::Contact> contacts(n);
    seitz::featurize_batch(batch, properties, wanted_sections(sections), n_threads, blocks.data(), statuses.data(),
                           contacts.data());
    for (std::size_t s = 0; s < n; ++s) {
      const bool good = statuses[s].failure == seitz::Failure::none;
      codes[3 * s] = static_cast<std::int64_t>(statuses[s].failure);
      codes[3 * s + 1] = good ? contacts[s].site : statuses[s].site;
      codes[3 * s + 2] = good ? contacts[s].other : statuses[s].other;
      closeness[s] = contacts[s].ratio;
    }
  }
  return std::make_tuple(owned(std::move(blocks), {n, width}), owned(std::move(codes), {n, 3}),
                         owned(std::move(closeness), {n}));
}

auto tessellate(const Lattice3& lattice, const Coords& frac_coords, std::size_t n_threads) {
  seitz::FaceTable faces;
  seitz::Status status;
  std::vector<std::int32_t> images;
  {
    const nb::gil_scoped_release unlocked;
    const seitz::Packing packing(lattice.data(), frac_coords.data(), frac_coords.shape(0));
    status = seitz::tessellate(packing, n_threads, seitz::Terms::input, faces);
    images.resize(3 * faces.images.size());
    if (!images.empty()) std::copy_n(faces.images.data()->data(), images.size(), images.data());
  }
  const std::size_t n_offsets = faces.offsets.size(), n = faces.areas.size();
  return nb::make_tuple(as_tuple(status), owned(std::move(faces.offsets), {n_offsets}),
                        owned(std::move(faces.neighbours), {n}), owned(std::move(images), {n, 3}),
                        owned(std::move(faces.areas), {n}), owned(std::move(faces.distances), {n}));
}

// The faces of a tessellation in Python: volume, offsets, neighbours, images, areas, distances.
using FaceArrays = std::tuple<double, Longs, Ints, In<std::int32_t, nb::shape<-1, 3>>, Doubles, Doubles>;

seitz::FaceView face_view(const FaceArrays& arrays) {
  const auto& [volume, offsets, neighbours, images, areas, distances] = arrays;
  require(offsets.shape(0) > 0, "offsets are empty");
  const std::size_t n_sites = offsets.shape(0) - 1;
  const auto n_faces = static_cast<std::size_t>(offsets.data()[n_sites]);
  require(neighbours.shape(0) == n_faces && images.shape(0) == n_faces && areas.shape(0) == n_faces &&
              distances.shape(0) == n_faces,
          "face arrays differ in length");
  const auto unsorted = std::adjacent_find(offsets.data(), offsets.data() + n_sites + 1, std::greater_equal<>());
  require(offsets.data()[0] == 0 && unsorted == offsets.data() + n_sites + 1, "every site needs faces of its own");
  const bool inside = std::all_of(neighbours.data(), neighbours.data() + n_faces, [&](std::int32_t site) {
    return site >= 0 && static_cast<std::size_t>(site) < n_sites;
  });
  require(inside, "a face leads to no site");
  static_assert(sizeof(seitz::Image) == 3 * sizeof(std::int32_t));
  const auto* translations = reinterpret_cast<const seitz::Image*>(images.data());
  return {n_sites, volume, offsets.data(), neighbours.data(), translations, areas.data(), distances.data()};
}

// `crystal`: lattice and fractional coordinates, `directions`: one per face; needed by some sections.
auto featurize_decorations(const FaceArrays& arrays, const std::optional<std::pair<Lattice3, Coords>>& crystal,
                           const std::optional<Coords>& directions, const In<std::int32_t, nb::ndim<2>>& species,
                           const TableArrays& table, int sections, std::size_t n_threads) {
  seitz::FaceView faces = face_view(arrays);
  const seitz::Sections wanted = wanted_sections(sections);
  require(!wanted.need_directions() || (directions && directions->shape(0) == faces.begin(faces.n_sites)),
          "one direction per face is needed");
  static_assert(sizeof(seitz::Vec3) == 3 * sizeof(double));
  require(!wanted.ionic || (crystal && crystal->second.shape(0) == faces.n_sites), "positions of all sites are needed");
  if (directions) faces.directions = reinterpret_cast<const seitz::Vec3*>(directions->data());
  const seitz::SpeciesTable properties = species_table(table);
  require(species.shape(1) == faces.n_sites, "one species per site is needed");
  require_species(species.data(), species.size(), properties);
  const std::size_t n = species.shape(0), width = seitz::block_size(properties.n_properties);
  std::vector<double> blocks(n * width);
  {
    const nb::gil_scoped_release unlocked;
    std::optional<seitz::Packing> packing;
    if (wanted.ionic) packing.emplace(crystal->first.data(), crystal->second.data(), faces.n_sites);
    seitz::featurize_decorations(faces, packing ? &*packing : nullptr, wanted, properties, species.data(), n, n_threads,
                                 blocks.data());
  }
  return owned(std::move(blocks), {n, width});
}

// Many sets of changes of one host. Each change: site or -1, species or -1, and a position that counts where `moved`.
auto host_blocks(const seitz::Host& host, const Longs& offsets, const Longs& sites, const Ints& species,
                 const In<std::uint8_t, nb::ndim<1>>& moved, const Coords& positions, const TableArrays& table,
                 std::size_t n_threads) {
  require(offsets.shape(0) > 0, "offsets are empty");
  const std::size_t n = offsets.shape(0) - 1;
  const auto n_changes = static_cast<std::size_t>(offsets.data()[n]);
  require(sites.shape(0) == n_changes && species.shape(0) == n_changes && moved.shape(0) == n_changes &&
              positions.shape(0) == n_changes,
          "arrays of changes differ in length");
  const seitz::SpeciesTable properties = species_table(table);
  std::vector<seitz::Change> changes(n_changes);
  for (std::size_t c = 0; c < n_changes; ++c) {
    const double* at = positions.data() + 3 * c;
    changes[c] = {sites.data()[c], species.data()[c], moved.data()[c] != 0, {at[0], at[1], at[2]}};
    require(changes[c].site < static_cast<std::int64_t>(host.n_sites()), "a change is at no site of the host");
    require(changes[c].species < static_cast<std::int64_t>(properties.n_species), "a species is outside the table");
    require(changes[c].site >= 0 || (changes[c].species >= 0 && changes[c].moved), "an added atom needs a position");
  }
  const std::size_t width = seitz::block_size(properties.n_properties);
  std::vector<double> blocks(n * width);
  std::vector<std::int64_t> codes(4 * n);
  {
    const nb::gil_scoped_release unlocked;
    std::vector<seitz::Host::Workspace> workspaces(n_threads);
    seitz::parallel_for(n, n_threads, [&](std::size_t d, std::size_t worker) {
      seitz::Host::Workspace& work = workspaces[worker];
      const auto first = static_cast<std::size_t>(offsets.data()[d]),
                 last = static_cast<std::size_t>(offsets.data()[d + 1]);
      double* out = blocks.data() + d * width;
      const seitz::Status status = host.featurize(properties, changes.data() + first, last - first, work, out);
      if (status.failure != seitz::Failure::none) std::fill(out, out + width, std::numeric_limits<double>::quiet_NaN());
      codes[4 * d] = static_cast<std::int64_t>(status.failure);
      codes[4 * d + 1] = status.site;
      codes[4 * d + 2] = status.other;
      codes[4 * d + 3] = static_cast<std::int64_t>(work.n_cells);
    });
  }
  return std::make_pair(owned(std::move(blocks), {n, width}), owned(std::move(codes), {n, 4}));
}

auto environment_rows(const FaceArrays& arrays, const Ints& species, const TableArrays& table) {
  const seitz::FaceView faces = face_view(arrays);
  const seitz::SpeciesTable properties = species_table(table);
  require(species.shape(0) == faces.n_sites, "one species per site is needed");
  require_species(species.data(), species.shape(0), properties);
  const std::size_t n = faces.n_sites, width = seitz::kGeometryColumns + properties.n_properties;
  std::vector<double> rows(n * width);
  {
    const nb::gil_scoped_release unlocked;
    seitz::environment_rows(faces, properties, species.data(), rows.data());
  }
  return owned(std::move(rows), {n, width});
}

// Blocks of a growing sample from `first` on, and those that leave one group of samples out at a time.
auto ensemble_blocks(const FaceArrays& arrays, const In<std::int32_t, nb::ndim<2>>& species, const TableArrays& table,
                     std::size_t first, std::size_t n_groups, std::size_t n_threads) {
  const seitz::FaceView faces = face_view(arrays);
  const seitz::SpeciesTable properties = species_table(table);
  const std::size_t n = species.shape(0), width = seitz::block_size(properties.n_properties);
  require(species.shape(1) == faces.n_sites && n > 0 && first <= n, "one species per site and sample is needed");
  require(n_groups == 0 || (n_groups > 1 && n_groups <= n), "groups must leave some samples");
  require_species(species.data(), species.size(), properties);
  std::vector<double> blocks((n - first) * width), groups(n_groups * width);
  {
    const nb::gil_scoped_release unlocked;
    const seitz::Ensemble ensemble(faces, properties, species.data(), n, n_threads);
    ensemble.growing(properties, first, n_threads, blocks.data());
    ensemble.leaving_out(properties, n_groups, n_threads, groups.data());
  }
  return std::make_pair(owned(std::move(blocks), {n - first, width}), owned(std::move(groups), {n_groups, width}));
}

// Block of the infinite alloy without its geometry. Sublattices: multiplicities, fractions by species, and the faces
// of one site of each: offsets, sublattice behind, share of the surface.
using SublatticeArrays = std::tuple<Doubles, Table, Longs, Ints, Doubles>;

auto random_block(const SublatticeArrays& arrays, const Ints& species, const TableArrays& table, double n_sites,
                  std::size_t max_values, std::size_t n_threads, const nb::callable& poll) {
  const auto& [multiplicities, fractions, offsets, neighbours, weights] = arrays;
  const seitz::SpeciesTable properties = species_table(table);
  const std::size_t n_sublattices = multiplicities.shape(0), n_species = species.shape(0);
  require_species(species.data(), n_species, properties);
  require(n_sublattices > 0 && fractions.shape(0) == n_sublattices && fractions.shape(1) == n_species &&
              offsets.shape(0) == n_sublattices + 1,
          "sublattice arrays differ in length");
  const auto n_faces = static_cast<std::size_t>(offsets.data()[n_sublattices]);
  require(neighbours.shape(0) == n_faces && weights.shape(0) == n_faces, "face arrays differ in length");
  require(std::all_of(neighbours.data(), neighbours.data() + n_faces,
                      [&](std::int32_t g) { return g >= 0 && static_cast<std::size_t>(g) < n_sublattices; }),
          "a face leads to no sublattice");
  require(max_values >= 2, "at least two values are needed");
  for (std::size_t g = 0; g < n_sublattices; ++g) {
    double sum = 0.0;
    for (std::size_t e = 0; e < n_species; ++e) {
      const double x = fractions.data()[g * n_species + e];
      require(x >= 0.0 && x <= 1.0 + 1e-9, "a fraction is outside 0 to 1");
      sum += x;
    }
    require(sum > 0.5, "the fractions of a sublattice do not add up to one");
  }
  const seitz::RandomLattice lattice{n_sublattices,  n_species,      multiplicities.data(), fractions.data(),
                                     species.data(), offsets.data(), neighbours.data(),     weights.data()};
  std::vector<double> out(seitz::block_size(properties.n_properties), 0.0);
  {
    const nb::gil_scoped_release unlocked;
    const seitz::Block block(out.data(), properties.n_properties);
    const auto ask = [&] {
      const nb::gil_scoped_acquire locked;
      if (PyErr_CheckSignals() != 0) throw nb::python_error();
      poll();
    };
    seitz::random_differences(lattice, properties, n_sites, max_values, n_threads, ask, block.differences);
    std::vector<std::size_t> kinds(n_species);
    std::vector<double> counts(n_species, 0.0);
    for (std::size_t e = 0; e < n_species; ++e) {
      kinds[e] = static_cast<std::size_t>(species.data()[e]);
      for (std::size_t g = 0; g < n_sublattices; ++g) {
        counts[e] += multiplicities.data()[g] * fractions.data()[g * n_species + e];
      }
    }
    seitz::composition_block(properties, kinds, counts, block);
    block.leave_out_sections();
  }
  const std::size_t width = out.size();
  return owned(std::move(out), {width});
}

}  // namespace

NB_MODULE(_core, m) {
  m.doc() = "Compiled kernels of seitz; private, see the public modules.";
  nb::set_leak_warnings(false);  // plans that are alive when the interpreter ends are no leak
  m.def("featurize_batch", &featurize_batch, "lattices"_a.noconvert(), "offsets"_a.noconvert(),
        "frac_coords"_a.noconvert(), "species"_a.noconvert(), "weights"_a.none(), "table"_a, "sections"_a,
        "n_threads"_a);
  m.def("tessellate", &tessellate, "lattice"_a.noconvert(), "frac_coords"_a.noconvert(), "n_threads"_a);
  m.def("featurize_decorations", &featurize_decorations, "faces"_a, "crystal"_a.none(), "directions"_a.none(),
        "species"_a.noconvert(), "table"_a, "sections"_a, "n_threads"_a);
  nb::class_<seitz::Host>(m, "Host")
      .def(
          "__init__",
          [](seitz::Host* self, const Lattice3& lattice, const Coords& frac_coords, const Ints& species,
             const TableArrays& table, std::size_t n_threads) {
            const seitz::SpeciesTable properties = species_table(table);
            require(species.shape(0) == frac_coords.shape(0), "one species per site is needed");
            require_species(species.data(), species.shape(0), properties);
            const nb::gil_scoped_release unlocked;
            new (self) seitz::Host(lattice.data(), frac_coords.data(), species.data(), species.shape(0), properties,
                                   n_threads);
          },
          "lattice"_a.noconvert(), "frac_coords"_a.noconvert(), "species"_a.noconvert(), "table"_a, "n_threads"_a)
      .def_prop_ro("status", [](const seitz::Host& self) { return as_tuple(self.status()); })
      .def_prop_ro("n_classes", &seitz::Host::n_classes)
      .def("blocks", &host_blocks, "offsets"_a.noconvert(), "sites"_a.noconvert(), "species"_a.noconvert(),
           "moved"_a.noconvert(), "positions"_a.noconvert(), "table"_a, "n_threads"_a);
  m.def("ensemble_blocks", &ensemble_blocks, "faces"_a, "species"_a.noconvert(), "table"_a, "first"_a, "n_groups"_a,
        "n_threads"_a);
  m.def("random_block", &random_block, "sublattices"_a, "species"_a.noconvert(), "table"_a, "n_sites"_a, "max_values"_a,
        "n_threads"_a, "poll"_a);
  m.def("environment_rows", &environment_rows, "faces"_a, "species"_a.noconvert(), "table"_a);
}
