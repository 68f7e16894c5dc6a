// schema_of: what a plugin declares as options, checked and made the core's own schema. Plugin
// memory is read with the plugin's own element size, so that older and newer declarations both
// load.
#include <algorithm>
#include <cstddef>
#include <cstring>

#include "plugin/options.hpp"

namespace peerhold {
namespace {

constexpr std::size_t least_option = offsetof(ph_option, item_type) + sizeof(ph_option::item_type);
constexpr std::uint32_t most_options = 256, most_choices = 256, deepest = 4;

static_assert(static_cast<int>(OptionType::boolean) == PH_BOOL);
static_assert(static_cast<int>(OptionType::duration) == PH_DURATION_MS);
static_assert(static_cast<int>(OptionType::choice) == PH_CHOICE);
static_assert(static_cast<int>(OptionType::endpoint) == PH_ENDPOINT);
static_assert(static_cast<int>(OptionType::tables) == PH_TABLES);

bool is_key(const char* name) {
  if (!name || *name < 'a' || *name > 'z' || std::strlen(name) > 63) return false;
  return std::all_of(name, name + std::strlen(name), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

bool holds_tables(std::uint32_t type) {
  return type == PH_TABLE || type == PH_TABLES;
}

// The sentence that says what is wrong with one option by itself; empty: nothing.
std::string fault_of(const ph_option& o) {
  if (!o.help || !*o.help) return "has no help text";
  if (o.type > PH_TABLES) return "has a type that this peerhold does not know";
  const bool required = (o.flags & PH_OPT_REQUIRED) != 0;
  if (required && o.default_value) return "is required and has a default; drop one";
  if (o.min > o.max) return "has a min above its max";
  const bool words = o.choices && o.choices[0];
  if (o.type == PH_CHOICE && !words) return "is a choice of nothing; name its choices";
  const bool words_too = o.type == PH_INT || o.type == PH_DURATION_MS || o.type == PH_BYTES;
  if (o.choices && o.type != PH_CHOICE && !words_too) return "has choices but takes no words";
  if (o.type == PH_LIST &&
      (holds_tables(o.item_type) || o.item_type == PH_LIST || o.item_type > PH_TABLES))
    return "is a list of what no list holds";
  if (holds_tables(o.type) && (!o.fields || o.n_fields == 0)) return "is a table without fields";
  if (!holds_tables(o.type) && o.n_fields != 0) return "has fields but is no table";
  return {};
}

// Defaults are TOML text: the same engine that reads the operator's file must be able to read them.
std::string fault_of_defaults(const Schema& level) {
  Schema plain;
  for (const auto& option : level)
    if (!option.required && option.type != OptionType::table && option.type != OptionType::tables)
      plain.push_back(option);
  std::vector<Diagnostic> found;
  (void)check_table(plain, nullptr, "default", {}, found);
  return found.empty() ? std::string{} : found.front().text;
}

Result<Schema> level_of(const ph_option* options, std::uint32_t n, std::size_t stride,
                        const std::string& inside, std::uint32_t depth) {
  if (depth > deepest) return Error{"options: tables are nested deeper than 4"};
  if (n > most_options) return Error{"options: more than 256 in one table"};
  Schema out;
  for (std::uint32_t i = 0; i < n; ++i) {
    ph_option o{};
    std::memcpy(&o, reinterpret_cast<const char*>(options) + i * stride,
                std::min(stride, sizeof o));
    const auto nth = "option " + inside + std::to_string(i + 1);
    if (!is_key(o.name)) return Error{nth + " has no name of the form [a-z][a-z0-9_]*"};
    const auto what = "option " + inside + o.name;
    if (std::any_of(out.begin(), out.end(), [&](const Option& x) { return x.name == o.name; }))
      return Error{what + " is declared twice"};
    if (auto fault = fault_of(o); !fault.empty()) return Error{what + " " + fault};

    Option option;
    option.name = o.name;
    option.help = o.help;
    option.type = static_cast<OptionType>(o.type);
    if (o.default_value) option.default_text = o.default_value;
    option.required = (o.flags & PH_OPT_REQUIRED) != 0;
    option.live = (o.flags & PH_OPT_LIVE) != 0;
    option.min = o.min;
    option.max = o.max;
    option.item =
        static_cast<OptionType>(o.type == PH_LIST ? o.item_type : std::uint32_t{PH_STRING});
    for (std::uint32_t k = 0; o.choices && o.choices[k]; ++k) {
      if (k == most_choices)
        return Error{what + " has more than 256 choices, or no NULL at their end"};
      option.choices.emplace_back(o.choices[k]);
    }
    if (holds_tables(o.type)) {
      auto fields = level_of(o.fields, o.n_fields, stride, inside + o.name + ".", depth + 1);
      if (!fields) return std::move(fields).error();
      option.fields = std::move(*fields);
    }
    out.push_back(std::move(option));
    if (auto fault = fault_of_defaults({out.back()}); !fault.empty())
      return Error{what + " has a default that is not valid: " + fault};
  }
  return out;
}

}  // namespace

Result<Schema> schema_of(const ph_plugin& plugin) {
  if (plugin.n_options == 0) return Schema{};
  if (!plugin.options)
    return Error{"n_options says " + std::to_string(plugin.n_options) + ", but options is NULL"};
  if (plugin.option_size < least_option)
    return Error{
        "option_size is smaller than struct ph_option of the first header; use PH_PLUGIN_INIT"};
  auto schema = level_of(plugin.options, plugin.n_options, plugin.option_size, {}, 1);
  if (schema) read_defaults(*schema);
  return schema;
}

}  // namespace peerhold
