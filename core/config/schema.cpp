// The schema engine: checks one table of the value tree against the options declared for it. Called
// by the loader for the core's tables and for the plugins' tables alike.
#include "config/schema.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "config/host_name.hpp"
#include "config/toml.hpp"

namespace peerhold {

namespace {

using Slot = Checked::Slot;

// 2200-01-01: well before the system's clock, which counts nanoseconds in 64 bits, comes to its
// end.
constexpr std::int64_t end_of_time = 7258118400;
constexpr std::int64_t unbounded = std::numeric_limits<std::int64_t>::max();

std::string origin_of(const Location& at) {
  return at.file + ":" + std::to_string(at.line);
}

const char* kind_of(const Value& value) {
  static const char* const names[] = {"a boolean", "a whole number", "a number with a fraction",
                                      "text",      "a date or time", "a list",
                                      "a table"};
  return names[value.v.index()];
}

bool takes_none(const Option& option) {
  return option.default_text == "\"none\"";
}

std::vector<std::string> words_of(const Option& option) {
  if (option.choices.empty() && takes_none(option)) return {"none"};
  return option.choices;
}

std::string list_of(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "\"" : ", \"") + word + '"';
  return out;
}

std::string expected(const Option& option) {
  std::string out;
  switch (option.type) {
    case OptionType::boolean:
      return "true or false";
    case OptionType::integer:
      out = "a whole number";
      break;
    case OptionType::duration:
      out = "a duration in quotes with its unit, such as \"90s\"";
      break;
    case OptionType::bytes:
      out = "a size in quotes with its unit, such as \"64KiB\"";
      break;
    case OptionType::string:
      return "text in quotes";
    case OptionType::choice:
      return "one of " + list_of(option.choices);
    case OptionType::list:
      return "a list in square brackets";
    case OptionType::table:
      return "a table";
    case OptionType::endpoint:
      return "an address with its port in quotes, such as \"127.0.0.1:179\", or \"unix:/path\"";
    case OptionType::tables:
      return "a list of tables, [[" + option.name + "]]";
    case OptionType::real:
      return "a number";
    case OptionType::time:
      return "a time with its offset and without quotes, such as 2027-01-01T00:00:00Z";
    case OptionType::map:
      return "a table of names with text, such as {site = \"fra1\"}";
  }
  if (const auto words = words_of(option); !words.empty()) out += ", or " + list_of(words);
  return out;
}

std::string printed_number(OptionType type, std::int64_t number) {
  if (type == OptionType::duration) return '"' + format_duration(Milliseconds(number)) + '"';
  if (type == OptionType::bytes) return '"' + format_size(static_cast<std::uint64_t>(number)) + '"';
  return std::to_string(number);
}

std::string printed_real(double number) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, number).ptr;
  std::string out(buffer, end);
  return out.find_first_not_of("-0123456789") == std::string::npos ? out + ".0" : out;
}

class Checker {
 public:
  Checker(const std::string& where, std::vector<Diagnostic>& out) : where_(where), out_(out) {}

  Checked table(const Schema& schema, const Value* tree, const std::string& path,
                const Location& at) {
    Checked result;
    result.at = at;
    result.slots.resize(schema.size());
    if (const Tree* entries = tree ? std::get_if<Tree>(&tree->v) : nullptr)
      for (const TableEntry& entry : *entries)
        if (std::none_of(schema.begin(), schema.end(),
                         [&](const Option& option) { return option.name == entry.key; }))
          unknown(schema, entry, path);
    for (std::size_t i = 0; i < schema.size(); ++i)
      one(schema[i], tree ? tree->find(schema[i].name) : nullptr, path, at, result.slots[i]);
    return result;
  }

 private:
  void complain(const Location& at, std::string text) {
    out_.push_back({Diagnostic::error, at, where_ + ": " + std::move(text)});
  }

  void unknown(const Schema& schema, const TableEntry& entry, const std::string& path) {
    std::vector<std::string> known;
    for (const Option& option : schema) known.push_back(option.name);
    const std::string near = nearest(entry.key, known);
    complain(entry.at,
             "unknown key " + quoted(path + entry.key) +
                 (near.empty() ? "; remove it" : "; did you mean \"" + path + near + "\"?"));
  }

  void one(const Option& option, const Value* value, const std::string& path, const Location& at,
           Slot& slot) {
    slot.at = at;
    const std::string name = path + option.name;
    if (value) {
      slot.at = value->at;
      slot.origin = origin_of(value->at);
      slot.present = read(option, *value, name, slot);
      return;
    }
    slot.origin = "default";
    if (option.type == OptionType::table) return absent_table(option, name, at, slot);
    if (option.required) {
      complain(at, name + " is required but missing: " +
                       (option.help.empty() ? "give it " + expected(option) : option.help));
    } else if (!option.default_text.empty()) {
      defaulted(option, name, slot);
    }
  }

  // A table that is not there is as an empty one, unless it has keys that must be given and need
  // not be there itself.
  void absent_table(const Option& option, const std::string& name, const Location& at, Slot& slot) {
    const bool needs_keys = std::any_of(option.fields.begin(), option.fields.end(),
                                        [](const Option& field) { return field.required; });
    if (needs_keys && !option.required) return;
    slot.present = true;
    slot.tables.push_back(table(option.fields, nullptr, name + ".", at));
  }

  void defaulted(const Option& option, const std::string& name, Slot& slot) {
    Result<Value> literal = option.default_value != nullptr
                                ? Result<Value>(*option.default_value)
                                : parse_toml_literal(option.default_text);
    if (!literal) {
      complain(slot.at, name + ": its declared default " + literal.error().text +
                            "; that is a mistake in the plugin");
      return;
    }
    const Location at = slot.at;
    slot.present = read(option, *literal, name, slot);
    slot.at = at;
  }

  bool read(const Option& option, const Value& value, const std::string& name, Slot& slot) {
    switch (option.type) {
      case OptionType::boolean:
        if (const bool* yes = std::get_if<bool>(&value.v)) {
          slot.number = *yes;
          slot.text = *yes ? "true" : "false";
          return true;
        }
        break;
      case OptionType::integer:
      case OptionType::duration:
      case OptionType::bytes:
        return number(option, value, name, slot);
      case OptionType::string:
      case OptionType::choice:
      case OptionType::endpoint:
        return text(option, value, name, slot);
      case OptionType::list:
        if (const Array* items = std::get_if<Array>(&value.v))
          return list(option, *items, name, slot);
        break;
      case OptionType::table:
        if (std::holds_alternative<Tree>(value.v)) {
          slot.tables.push_back(table(option.fields, &value, name + ".", value.at));
          return true;
        }
        break;
      case OptionType::tables:
        if (const Array* items = std::get_if<Array>(&value.v))
          return tables(option, *items, name, slot);
        break;
      case OptionType::real:
        return real(option, value, name, slot);
      case OptionType::time:
        if (const DateTime* when = std::get_if<DateTime>(&value.v)) {
          if (!when->has_offset) {
            complain(value.at, name + " needs date, time and offset, such as 2027-01-01T00:00:00Z");
            return false;
          }
          if (when->unix_seconds < 0 || when->unix_seconds >= end_of_time) {
            complain(value.at, name + " must be a time from the year 1970 to 2199");
            return false;
          }
          slot.number = when->unix_seconds;
          slot.text = format_time(WallTime(std::chrono::seconds(slot.number)));
          return true;
        }
        break;
      case OptionType::map:
        if (const Tree* entries = std::get_if<Tree>(&value.v)) return map(*entries, name, slot);
        break;
    }
    return mismatch(option, value, name);
  }

  bool mismatch(const Option& option, const Value& value, const std::string& name) {
    complain(value.at, name + " must be " + expected(option) + ", not " + kind_of(value));
    return false;
  }

  bool number(const Option& option, const Value& value, const std::string& name, Slot& slot) {
    if (const std::string* word = std::get_if<std::string>(&value.v)) {
      const auto words = words_of(option);
      if (const auto it = std::find(words.begin(), words.end(), *word); it != words.end()) {
        slot.number = -1 - (it - words.begin());
        slot.text = *word;
        return true;
      }
      if (option.type == OptionType::integer) return mismatch(option, value, name);
      return quantity(option, value, *word, name, slot);
    }
    const std::int64_t* plain = std::get_if<std::int64_t>(&value.v);
    if (!plain || option.type != OptionType::integer) return mismatch(option, value, name);
    slot.number = *plain;
    slot.text = std::to_string(*plain);
    return in_range(option, static_cast<double>(slot.number), slot, value.at, name);
  }

  bool quantity(const Option& option, const Value& value, const std::string& word,
                const std::string& name, Slot& slot) {
    if (option.type == OptionType::duration) {
      const auto parsed = parse_duration(word);
      if (!parsed) return bad_text(option, value, parsed.error().text, name);
      slot.number = parsed->count();
      slot.text = format_duration(*parsed);
    } else {
      const auto parsed = parse_size(word);
      if (!parsed) return bad_text(option, value, parsed.error().text, name);
      if (*parsed > static_cast<std::uint64_t>(unbounded))
        return bad_text(option, value, quoted(word) + " is too much", name);
      slot.number = static_cast<std::int64_t>(*parsed);
      slot.text = format_size(*parsed);
    }
    return in_range(option, static_cast<double>(slot.number), slot, value.at, name);
  }

  bool bad_text(const Option& option, const Value& value, const std::string& why,
                const std::string& name) {
    const std::string words = list_of(words_of(option));
    complain(value.at, name + ": " + why + (words.empty() ? "" : "; or write " + words));
    return false;
  }

  bool in_range(const Option& option, double number, const Slot& slot, const Location& at,
                const std::string& name) {
    if (option.min == 0 && option.max == 0) return true;
    if (number >= static_cast<double>(option.min) && number <= static_cast<double>(option.max))
      return true;
    const bool is_quoted = option.type == OptionType::duration || option.type == OptionType::bytes;
    const OptionType type = option.type == OptionType::list ? option.item : option.type;
    const std::string least = printed_number(type, option.min),
                      most = printed_number(type, option.max);
    complain(at,
             name + " = " + (is_quoted ? quoted(slot.text) : slot.text) +
                 " is out of range; it must be " +
                 (option.max == unbounded ? "at least " + least : "from " + least + " to " + most));
    return false;
  }

  bool real(const Option& option, const Value& value, const std::string& name, Slot& slot) {
    if (const double* number = std::get_if<double>(&value.v)) {
      slot.real = *number;
    } else if (const std::int64_t* whole = std::get_if<std::int64_t>(&value.v)) {
      slot.real = static_cast<double>(*whole);
    } else {
      return mismatch(option, value, name);
    }
    slot.text = printed_real(slot.real);
    return in_range(option, slot.real, slot, value.at, name);  // a NaN is in no range
  }

  bool text(const Option& option, const Value& value, const std::string& name, Slot& slot) {
    const std::string* word = std::get_if<std::string>(&value.v);
    if (!word) return mismatch(option, value, name);
    slot.text = *word;
    if (option.type == OptionType::endpoint) {
      if (looks_like_host_name(*word)) {
        complain(value.at, name + " = " + quoted(*word) +
                               " is a host name; write the address itself, such as 127.0.0.1:179");
        return false;
      }
      if (const auto parsed = Endpoint::parse(*word); !parsed) {
        complain(value.at, name + ": " + parsed.error().text);
        return false;
      }
    } else if (option.type == OptionType::choice) {
      const auto it = std::find(option.choices.begin(), option.choices.end(), *word);
      if (it == option.choices.end()) {
        complain(value.at, name + " = " + quoted(*word) + " is not one of " +
                               list_of(option.choices) + did_you_mean(*word, option.choices));
        return false;
      }
      slot.number = it - option.choices.begin();
    }
    return true;
  }

  bool list(const Option& option, const Array& items, const std::string& name, Slot& slot) {
    Option item = option;
    item.type = option.item;
    item.default_text.clear();
    bool good = true;
    for (const Value& value : items) {
      Slot one_item;
      if (read(item, value, "each of " + name, one_item))
        slot.items.push_back(std::move(one_item.text));
      else
        good = false;
    }
    return good;
  }

  bool tables(const Option& option, const Array& items, const std::string& name, Slot& slot) {
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (!std::holds_alternative<Tree>(items[i].v)) return mismatch(option, items[i], name);
      slot.tables.push_back(
          table(option.fields, &items[i], name + '[' + std::to_string(i + 1) + "].", items[i].at));
    }
    return true;
  }

  bool map(const Tree& entries, const std::string& name, Slot& slot) {
    bool good = true;
    for (const TableEntry& entry : entries) {
      if (const std::string* word = std::get_if<std::string>(&entry.value.v)) {
        slot.items.push_back(entry.key);
        slot.items.push_back(*word);
      } else {
        complain(entry.value.at,
                 name + '.' + entry.key + " must be text in quotes, not " + kind_of(entry.value));
        good = false;
      }
    }
    return good;
  }

  const std::string& where_;
  std::vector<Diagnostic>& out_;
};

}  // namespace

bool Slot::operator==(const Slot& other) const {
  return present == other.present && number == other.number && real == other.real &&
         text == other.text && items == other.items && tables == other.tables;
}

const Slot& Checked::slot(std::size_t option) const {
  if (defaults == nullptr) return slots[option];
  const auto found = std::lower_bound(given.begin(), given.end(), option);
  if (found == given.end() || *found != option) return defaults->slot(option);
  return slots[static_cast<std::size_t>(found - given.begin())];
}

namespace {

void drop_places(Checked& table) {
  table.at = {};
  for (Slot& slot : table.slots) {
    slot.at = {};
    slot.origin = {};
    for (Checked& inner : slot.tables) drop_places(inner);
  }
}

}  // namespace

void Checked::keep_given(const Checked& of_schema) {
  if (defaults != nullptr || slots.size() != of_schema.size()) return;
  drop_places(*this);
  std::vector<Slot> kept;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (slots[i] == of_schema.slots[i]) continue;
    given.push_back(static_cast<std::uint16_t>(i));
    kept.push_back(std::move(slots[i]));
  }
  kept.shrink_to_fit();
  given.shrink_to_fit();
  slots = std::move(kept);
  defaults = &of_schema;
}

bool Checked::operator==(const Checked& other) const {
  if (size() != other.size()) return false;
  for (std::size_t i = 0; i < size(); ++i) {
    if (!(slot(i) == other.slot(i))) return false;
  }
  return true;
}

void read_defaults(Schema& schema) {
  for (Option& option : schema) {
    read_defaults(option.fields);
    if (option.default_text.empty()) continue;
    if (Result<Value> literal = parse_toml_literal(option.default_text))
      option.default_value = std::make_shared<const Value>(*std::move(literal));
  }
}

Checked check_table(const Schema& schema, const Value* tree, const std::string& where,
                    const Location& at, std::vector<Diagnostic>& out) {
  return Checker(where, out).table(schema, tree, {}, at);
}

}  // namespace peerhold
