// Renders key chains. Called by cli/key_list.cpp.
#include "cli/key_text.hpp"

#include "cli/json_view.hpp"

namespace peerhold::cli {

std::string key_table(const std::string& keys_json, const Look& look) {
  const Json answer = parse_json(keys_json);
  std::vector<std::vector<Cell>> rows{{{"CHAIN"},
                                       {"ID"},
                                       {"VALID"},
                                       {"START"},
                                       {"END"},
                                       {"ROLLOVER"},
                                       {"LAST USED"},
                                       {"IN USE BY"}}};
  const auto time = [](const Json& object, const char* key, const char* otherwise) {
    const std::string at = escape_control(text(object, key));
    return at.empty() ? std::string(otherwise) : at;
  };
  for (const Json& chain : field(answer, "chains"))
    for (const Json& key : field(chain, "keys")) {
      std::string users;
      for (const Json& user : field(key, "in_use_by"))
        if (user.is_string())
          users += (users.empty() ? "" : ", ") + escape_control(user.get<std::string>());
      const bool valid = flag(key, "valid");
      // A key that is used past its end is what an operator must see.
      const Colour colour = valid ? Colour::green : users.empty() ? Colour::none : Colour::yellow;
      rows.push_back({{escape_control(text(chain, "name"))},
                      {std::to_string(static_cast<long>(number(key, "id")))},
                      {valid ? "yes" : "no", colour},
                      {time(key, "start", "ever")},
                      {time(key, "end", "never")},
                      {escape_control(text(chain, "rollover"))},
                      {time(key, "last_used", "-")},
                      {users.empty() ? "-" : users}});
    }
  if (rows.size() == 1) return "no key chains are configured\n";
  return render_table(rows, look);
}

}  // namespace peerhold::cli
