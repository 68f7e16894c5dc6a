// Schema: one engine for the core's tables and the plugins' tables. An option is declared once;
// from that come parsing, checking (unknown key with the nearest known one, type, range, choice),
// defaults, printing back with origins, `peerhold plugins`, and docs/configuration.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/endpoint.hpp"
#include "base/units.hpp"
#include "config/value.hpp"

namespace peerhold {

// As enum ph_type, in its order; then what only the core's tables have: a float, a date and time
// with offset, any names with strings (labels).
enum class OptionType : std::uint8_t {
  boolean,
  integer,
  duration,
  bytes,
  string,
  choice,
  list,
  table,
  endpoint,
  tables,
  real,
  time,
  map,
};

struct Option {
  std::string name, help;
  OptionType type = OptionType::string;
  std::string
      default_text;  // TOML literal as a plugin writes it; empty: none (absent unless given)
  std::shared_ptr<const Value> default_value;  // the same, once it is read (read_defaults)
  bool required = false, live = false;
  std::int64_t
      min = 0,
      max = 0;  // both 0: unbounded. ms, bytes, or the number; lengths of strings are not bounded
  std::vector<std::string> choices;
  OptionType item = OptionType::string;  // of a list
  std::vector<Option> fields;            // of table and tables
};
using Schema = std::vector<Option>;

// Reads every default of `schema` here and now: thousands of tables need not read it again. What is
// no literal is left for check_table to tell.
void read_defaults(Schema&);

// A checked table: one slot per option of the schema, in its order. A value with ==.
struct Checked {
  struct Slot {
    bool present = false;  // given, or has a default
    std::string origin;    // "default", or "FILE:LINE" (with the layer: "template edge, FILE:LINE")
    Location at;           // of the value, for later complaints; of the table when defaulted
    std::int64_t number = 0;  // bool, int, ms, bytes, choice index; of a time: seconds since 1970
    double real = 0;
    std::string text;  // string, choice, endpoint as written; printed form of duration and bytes
    // list of strings/endpoints/numbers (as text); map: name, value, name, …
    std::vector<std::string> items;
    std::vector<Checked> tables;         // table: one; tables: any
    bool operator==(const Slot&) const;  // origin and place do not count
  };
  std::vector<Slot> slots;  // after keep_given() only those of `given`
  Location at;
  std::vector<std::uint16_t> given;
  const Checked* defaults = nullptr;

  // As many options as the schema has, and the slot of each, also after keep_given().
  std::size_t size() const { return defaults != nullptr ? defaults->size() : slots.size(); }
  const Slot& slot(std::size_t option) const;
  // Keeps what differs from the defaults, which must outlive this, and no places: of thirty options
  // of a thousand sessions that run, the few that make each what it is.
  void keep_given(const Checked& defaults);
  bool operator==(const Checked& other) const;  // slots only
};

// Checks `tree` (may be null: all defaults) against `schema`; appends to `out`; returns what could
// be read either way. `where` names the object in texts: `session "edge1"`. An int, duration or
// bytes option with choices also takes one of those words (bgp peer_as = "any"): number is then
// -1 - index. A duration or bytes whose default is "none" takes that word as well: number is -1.
Checked check_table(const Schema&, const Value* tree, const std::string& where, const Location& at,
                    std::vector<Diagnostic>& out);

}  // namespace peerhold
