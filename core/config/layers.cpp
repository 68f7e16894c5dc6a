// Merges [defaults] and templates under the sessions and remembers which value came from where.
// Used by the loader.
#include "config/layers.hpp"

#include <algorithm>

#include "config/sections.hpp"

namespace peerhold {

namespace {

// What a layer may say: the same options, none of them required, none defaulted. Tables in lists
// stay as they are, for lists replace and do not merge.
Schema loosened(const Schema& schema) {
  Schema out = schema;
  for (Option& option : out) {
    option.required = false;
    option.default_text.clear();
    if (option.type == OptionType::table) option.fields = loosened(option.fields);
  }
  return out;
}

bool is_session_key(const std::string& key) {
  const Schema& schema = session_schema();
  return std::any_of(schema.begin(), schema.end(),
                     [&](const Option& option) { return option.name == key; });
}

void merge(Tree& base, const Tree& over) {
  for (const TableEntry& entry : over) {
    const auto it = std::find_if(base.begin(), base.end(),
                                 [&](const TableEntry& e) { return e.key == entry.key; });
    if (it == base.end()) {
      base.push_back(entry);
      continue;
    }
    Tree* below = std::get_if<Tree>(&it->value.v);
    const Tree* above = std::get_if<Tree>(&entry.value.v);
    if (below && above) {
      merge(*below, *above);
      it->value.at = entry.value.at;
      it->at = entry.at;
    } else {
      *it = entry;
    }
  }
}

bool is_map(const std::string& key) {
  const Schema& schema = session_schema();
  return std::any_of(schema.begin(), schema.end(), [&](const Option& option) {
    return option.name == key && option.type == OptionType::map;
  });
}

// Keys that are missing in a table of a layer are missing in the session.
void move_tables(Tree& tree, const Layers& layers, const Location& at) {
  for (TableEntry& entry : tree)
    if (Tree* inner = std::get_if<Tree>(&entry.value.v); inner && !is_map(entry.key)) {
      if (!layers.label(entry.value.at).empty()) entry.value.at = at;
      move_tables(*inner, layers, at);
    }
}

const std::string* text_of(const Value& tree, std::string_view key) {
  const Value* value = tree.find(key);
  return value ? std::get_if<std::string>(&value->v) : nullptr;
}

}  // namespace

Layers::Layers(const Sources& sources, const LoadRequest& request, const KeeperConfig& keeper,
               std::vector<Diagnostic>& out) {
  defaults_.v = Tree{};
  for (const TableEntry& entry : sources.defaults) {
    check(entry, "[defaults]", request, keeper, out);
    note(entry.value, "defaults");
    defaults_ = entry.value;
  }
  for (const TableEntry& entry : sources.templates) {
    check(entry, "template \"" + escape_control(entry.key) + '"', request, keeper, out);
    note(entry.value, "template " + entry.key);
    templates_[entry.key] = entry.value;
  }
}

void Layers::check(const TableEntry& layer, const std::string& where, const LoadRequest& request,
                   const KeeperConfig& keeper, std::vector<Diagnostic>& out) {
  static const Schema core = loosened(session_schema());
  Schema schema = core;
  for (const TableEntry& entry : std::get<Tree>(layer.value.v)) {
    if (entry.key == "name" || entry.key == "template")
      out.push_back({Diagnostic::error, entry.at,
                     where + ": \"" + entry.key + "\" belongs in a session, not here"});
    if (is_session_key(entry.key) || !std::holds_alternative<Tree>(entry.value.v)) continue;
    // Perhaps a plugin's table. Where there is no such plugin it is an unknown key like any other.
    if (!wrong_name(entry.key).empty()) continue;
    const auto facts = request.plugin(entry.key, keeper);
    if (!facts) continue;
    Option option;
    option.name = entry.key;
    option.type = OptionType::table;
    option.fields = loosened((*facts)->schema);
    schema.push_back(std::move(option));
  }
  check_table(schema, &layer.value, where, layer.at, out);
}

void Layers::note(const Value& value, const std::string& label) {
  labels_.emplace(Place(value.at.file, value.at.line, value.at.column), label);
  if (const Array* items = std::get_if<Array>(&value.v))
    for (const Value& item : *items) note(item, label);
  if (const Tree* entries = std::get_if<Tree>(&value.v)) {
    for (const TableEntry& entry : *entries) {
      labels_.emplace(Place(entry.at.file, entry.at.line, entry.at.column), label);
      note(entry.value, label);
    }
  }
}

std::string Layers::label(const Location& at) const {
  const auto it = labels_.find(Place(at.file, at.line, at.column));
  return it == labels_.end() ? std::string() : it->second;
}

Value Layers::merged(const Value& session, const std::string& where,
                     std::vector<Diagnostic>& out) const {
  Value result = defaults_;
  Tree& tree = std::get<Tree>(result.v);
  result.at = session.at;
  if (const std::string* name = text_of(session, "template")) {
    const auto it = templates_.find(*name);
    if (it != templates_.end()) {
      merge(tree, std::get<Tree>(it->second.v));
    } else {
      std::vector<std::string> names;
      for (const auto& [known, unused] : templates_) names.push_back(known);
      const std::string near = nearest(*name, names);
      out.push_back({Diagnostic::error, session.find("template")->at,
                     where + ": there is no template \"" + escape_control(*name) + '"' +
                         (near.empty() ? "; define [template." + escape_control(*name) + ']'
                                       : "; did you mean \"" + near + "\"?")});
    }
  }
  merge(tree, std::get<Tree>(session.v));
  const std::string* own = text_of(result, "plugin");
  std::erase_if(tree, [&](const TableEntry& entry) {
    return !is_session_key(entry.key) && !(own && entry.key == *own) && !label(entry.at).empty();
  });
  move_tables(tree, *this, session.at);
  return result;
}

}  // namespace peerhold
