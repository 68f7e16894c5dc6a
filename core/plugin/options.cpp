// PluginConfig and the option functions of the host table: a session's checked options as a plugin
// reads them, by the number of the option in its own declaration. Made by the session for open()
// and reload(), and by Library for the plugin's check(). A question outside of the schema gets the
// neutral answer (0, null): plugin code must not be able to break the keeper by a wrong number.
#include "plugin/options.hpp"

#include <map>
#include <string>
#include <utility>

using peerhold::Checked;
using peerhold::Complaints;
using peerhold::Schema;

struct ph_config {
  const Schema& schema;
  const Checked& values;
  Complaints* complaints;
  std::string inside;  // "route[2]." in a nested table
  // Of each option that has any, in their order.
  std::map<std::uint32_t, std::vector<std::unique_ptr<ph_config>>> tables;

  ph_config(const Schema& s, const Checked& v, Complaints* c, std::string path)
      : schema(s), values(v), complaints(c), inside(std::move(path)) {
    for (std::uint32_t i = 0; i < schema.size() && i < values.size(); ++i) {
      const auto& nested = values.slot(i).tables;
      const bool many = schema[i].type == peerhold::OptionType::tables;
      for (std::size_t k = 0; k < nested.size(); ++k) {
        auto name = inside + schema[i].name + (many ? "[" + std::to_string(k + 1) + "]." : ".");
        tables[i].push_back(
            std::make_unique<ph_config>(schema[i].fields, nested[k], complaints, std::move(name)));
      }
    }
  }

  const Checked::Slot* slot(std::uint32_t option) const {
    if (option >= schema.size() || option >= values.size()) return nullptr;
    return &values.slot(option);
  }
};

namespace peerhold {
namespace {

std::int64_t opt_int(const ph_config* config, std::uint32_t option) {
  const auto* slot = config ? config->slot(option) : nullptr;
  return slot ? slot->number : 0;
}

const char* opt_str(const ph_config* config, std::uint32_t option) {
  const auto* slot = config ? config->slot(option) : nullptr;
  return slot && slot->present ? slot->text.c_str() : nullptr;
}

std::size_t opt_count(const ph_config* config, std::uint32_t option) {
  const auto* slot = config ? config->slot(option) : nullptr;
  if (!slot) return 0;
  switch (config->schema[option].type) {
    case OptionType::list:
      return slot->items.size();
    case OptionType::table:
    case OptionType::tables:
      return slot->tables.size();
    default:
      return slot->present ? 1 : 0;
  }
}

const char* opt_item(const ph_config* config, std::uint32_t option, std::size_t i) {
  const auto* slot = config ? config->slot(option) : nullptr;
  return slot && i < slot->items.size() ? slot->items[i].c_str() : nullptr;
}

const ph_config* opt_table(const ph_config* config, std::uint32_t option, std::size_t i) {
  if (!config) return nullptr;
  const auto tables = config->tables.find(option);
  return tables != config->tables.end() && i < tables->second.size() ? tables->second[i].get()
                                                                     : nullptr;
}

void tell(Diagnostic::Severity severity, const ph_config* config, std::uint32_t option,
          const char* text) {
  if (!config || !config->complaints || !config->complaints->out) return;
  const auto* slot = config->slot(option);
  Diagnostic d;
  d.severity = severity;
  d.at = slot && slot->at.line > 0 ? slot->at : config->values.at;
  d.text = config->complaints->where + ": ";
  if (slot) d.text += config->inside + config->schema[option].name + ": ";
  d.text += escape_control(text ? text : "refused without a word");
  config->complaints->out->push_back(std::move(d));
}

void complain(const ph_config* config, std::uint32_t option, const char* text) {
  tell(Diagnostic::error, config, option, text);
}

void warn(const ph_config* config, std::uint32_t option, const char* text) {
  tell(Diagnostic::warning, config, option, text);
}

}  // namespace

PluginConfig::PluginConfig(const Schema& schema, const Checked& values, Complaints* complaints)
    : root_(std::make_unique<ph_config>(schema, values, complaints, std::string{})) {}
PluginConfig::~PluginConfig() = default;

void fill_option_functions(ph_host& host) {
  host.complain = complain;
  host.warn = warn;
  host.opt_int = opt_int;
  host.opt_str = opt_str;
  host.opt_count = opt_count;
  host.opt_item = opt_item;
  host.opt_table = opt_table;
}

}  // namespace peerhold
