// Renders plugins and their options. Called by cli/plugins.cpp.
#include "cli/plugins_text.hpp"

#include <limits>

#include "cli/json_view.hpp"

namespace peerhold::cli {
namespace {

std::int64_t whole(const Json& option, const char* key) {
  const Json& value = field(option, key);
  return value.is_number_integer() ? value.get<std::int64_t>() : 0;
}

std::string with_unit(std::int64_t n, const std::string& type) {
  if (n >= 0 && type == "duration") return format_duration(Milliseconds(n));
  if (n >= 0 && type == "bytes") return format_size(static_cast<std::uint64_t>(n));
  return std::to_string(n);
}

// "duration, 1s to 1h", or the words to choose from.
std::string type_of(const Json& option) {
  std::string choices;
  for (const Json& choice : field(option, "choices"))
    if (choice.is_string())
      choices += (choices.empty() ? "" : " | ") + escape_control(choice.get<std::string>());
  std::string out = escape_control(text(option, "type"));
  if (out == "choice") return choices;
  if (field(option, "min").is_number()) {
    const std::int64_t most = whole(option, "max");
    const std::string least = with_unit(whole(option, "min"), out);
    out += most == std::numeric_limits<std::int64_t>::max()
               ? ", from " + least
               : ", " + least + " to " + with_unit(most, out);
  }
  return choices.empty() ? out : out + " | " + choices;
}

void add_options(const Json& options, const std::string& before,
                 std::vector<std::vector<Cell>>& rows) {
  for (const Json& option : options) {
    const std::string name = before + escape_control(text(option, "name"));
    const std::string otherwise = escape_control(text(option, "default"));
    rows.push_back({{"  " + name},
                    {type_of(option)},
                    {flag(option, "required") ? "required"
                     : otherwise.empty()      ? "none"
                                              : otherwise},
                    {flag(option, "live") ? "live" : "restart"},
                    {escape_control(text(option, "help"))}});
    add_options(field(option, "fields"), name + ".", rows);
  }
}

}  // namespace

std::string plugins_text(const std::string& plugins_json, const Look& look) {
  const Json answer = parse_json(plugins_json);
  std::string out;
  for (const Json& plugin : field(answer, "plugins")) {
    const auto shown = [&](const char* key) { return escape_control(text(plugin, key)); };
    if (!out.empty()) out += "\n";
    out += shown("name") + " " + shown("version") + ": " + shown("summary") + "\n  " +
           shown("file") + ", ABI " + shown("abi") + ", licence " + shown("licence") + "\n";
    std::vector<std::vector<Cell>> rows{
        {{"  OPTION"}, {"TYPE"}, {"DEFAULT"}, {"RELOAD"}, {"MEANING"}}};
    add_options(field(plugin, "options"), "", rows);
    Look wrapped = look;
    wrapped.wrap = true;  // a meaning that is cut off is none
    out += rows.size() == 1 ? "  no options\n" : render_table(rows, wrapped);
  }
  return out;
}

}  // namespace peerhold::cli
