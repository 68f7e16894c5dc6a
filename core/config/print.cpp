// `check --print`: the effective configuration as TOML that loads again, each value with its
// origin. Called by core/cli. Secrets were hidden when they were read, long before this.
#include <algorithm>

#include "config/config.hpp"

namespace peerhold {

namespace {

using Slot = Checked::Slot;

// A TOML basic string.
std::string string(const std::string& text) {
  static constexpr char hex[] = "0123456789ABCDEF";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += hex[byte >> 4];
      out += hex[byte & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string key(const std::string& name) {
  const auto bare = [](unsigned char c) {
    return c < 128 && (std::isalnum(c) || c == '_' || c == '-');
  };
  return !name.empty() && std::all_of(name.begin(), name.end(), bare) ? name : string(name);
}

bool is_bare(OptionType type, const Slot& slot) {
  switch (type) {
    case OptionType::boolean:
    case OptionType::real:
    case OptionType::time:
      return true;
    case OptionType::integer:
      return slot.number >= 0 || slot.text == std::to_string(slot.number);
    default:
      return false;
  }
}

std::string value(const Option& option, const Slot& slot) {
  std::string out;
  if (option.type == OptionType::list) {
    const bool bare = option.item == OptionType::integer || option.item == OptionType::boolean ||
                      option.item == OptionType::real;
    for (const std::string& item : slot.items)
      out += (out.empty() ? "" : ", ") + (bare ? item : string(item));
    return '[' + out + ']';
  }
  if (option.type == OptionType::map) {
    for (std::size_t i = 0; i + 1 < slot.items.size(); i += 2)
      out += (out.empty() ? "" : ", ") + key(slot.items[i]) + " = " + string(slot.items[i + 1]);
    return '{' + out + '}';
  }
  return is_bare(option.type, slot) ? slot.text : string(slot.text);
}

class Printer {
 public:
  // A table's own values come before its sub-tables, as TOML wants it.
  void table(const Schema& schema, const Checked& checked, const std::string& path,
             const std::string& indent) {
    for (std::size_t i = 0; i < schema.size(); ++i) {
      const Option& option = schema[i];
      const Slot& slot = checked.slots[i];
      if (!slot.present || option.type == OptionType::table || option.type == OptionType::tables)
        continue;
      // What a template gave stands here as this table's own.
      if (option.name == "template" && path == "session") continue;
      out += indent + key(option.name) + " = " + value(option, slot) + "  # " + slot.origin + '\n';
    }
    for (std::size_t i = 0; i < schema.size(); ++i) {
      const Option& option = schema[i];
      const Slot& slot = checked.slots[i];
      const std::string below = path + '.' + key(option.name);
      if (!slot.present || (option.type != OptionType::table && option.type != OptionType::tables))
        continue;
      for (const Checked& inner : slot.tables) {
        out += indent + "  " +
               (option.type == OptionType::table ? '[' + below + ']' : "[[" + below + "]]") + '\n';
        table(option.fields, inner, below, indent + "  ");
      }
    }
  }

  void session(const SessionConfig& s) {
    out += "\n[[session]]\n";
    table(session_schema(), s.printed, "session", "");
    if (!s.options_schema || s.options.slots.size() != s.options_schema->size()) return;
    out += "  [session." + key(s.plugin) + "]\n";
    table(*s.options_schema, s.options, "session." + key(s.plugin), "  ");
  }

  void chain(const KeyChainConfig& c) {
    const std::string path = "keychain." + key(c.name);
    out += "\n[" + path + "]\n";
    table(keychain_schema(), c.printed, path, "");
  }

  std::string out;
};

}  // namespace

std::string print_config(const Config& config, const std::string& only_session) {
  Printer printer;
  const auto wanted = [&](const SessionConfig& s) {
    return only_session.empty() || s.name == only_session;
  };
  if (only_session.empty()) {
    printer.out += "[keeper]\n";
    printer.table(keeper_schema(), config.keeper.printed, "keeper", "");
  }
  for (const KeyChainConfig& c : config.keychains)
    if (only_session.empty() ||
        std::any_of(config.sessions.begin(), config.sessions.end(),
                    [&](const SessionConfig& s) { return wanted(s) && s.keychain == c.name; }))
      printer.chain(c);
  for (const SessionConfig& s : config.sessions)
    if (wanted(s)) printer.session(s);
  if (only_session.empty())
    for (const ListenConfig& l : config.listens) {
      printer.out += "\n[[listen]]\n";
      printer.table(listen_schema(), l.printed, "listen", "");
    }
  return printer.out;
}

}  // namespace peerhold
