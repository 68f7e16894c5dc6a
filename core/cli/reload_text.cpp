// Renders the answer of `peerhold reload`.
#include "cli/reload_text.hpp"

#include "base/units.hpp"
#include "cli/json_view.hpp"
#include "cli/table.hpp"

namespace peerhold::cli {

std::string reload_actions(const std::string& reload_json, bool with_keep) {
  const Json answer = parse_json(reload_json);
  std::vector<std::vector<Cell>> rows;
  for (const Json& action : field(answer, "actions")) {
    std::string what = text(action, "action");
    if (what == "keep" && !with_keep) continue;
    std::string keys;
    for (const Json& key : field(action, "keys"))
      if (key.is_string()) keys += (keys.empty() ? "" : ", ") + key.get<std::string>();
    if (!keys.empty()) what += ": " + keys;
    rows.push_back({{escape_control(text(action, "session"))}, {escape_control(what)}});
  }
  return render_table(rows, {});
}

std::string reload_diagnostics(const std::string& reload_json) {
  const Json answer = parse_json(reload_json);
  std::string out;
  for (const Json& d : field(answer, "diagnostics")) {
    const std::string file = escape_control(text(d, "file"));
    if (!file.empty())  // what has no place is the keeper's own refusal
      out += file + ":" + std::to_string(static_cast<long>(number(d, "line"))) + ":" +
             std::to_string(static_cast<long>(number(d, "column"))) + ": ";
    out += escape_control(text(d, "severity")) + ": " + escape_control(text(d, "text")) + "\n";
  }
  return out;
}

}  // namespace peerhold::cli
