// JSON of plugins and their options. Called by the control server for the plugins
// that a keeper has loaded, and by `peerhold plugins` for those on disk.
#include "control/json.hpp"
#include "control/json_text.hpp"
#include "plugin/library.hpp"

namespace peerhold {
namespace {

std::string_view word(OptionType type) {
  switch (type) {
    case OptionType::boolean:
      return "bool";
    case OptionType::integer:
      return "int";
    case OptionType::duration:
      return "duration";
    case OptionType::bytes:
      return "bytes";
    case OptionType::string:
      return "string";
    case OptionType::choice:
      return "choice";
    case OptionType::list:
      return "list";
    case OptionType::table:
      return "table";
    case OptionType::endpoint:
      return "endpoint";
    case OptionType::tables:
      return "tables";
    case OptionType::real:
      return "float";
    case OptionType::time:
      return "time";
    case OptionType::map:
      return "map";
  }
  return "";
}

Json options(const Schema& schema) {
  Json out = Json::array();
  for (const Option& o : schema) {
    const bool bounded = o.min != 0 || o.max != 0;
    std::string type(word(o.type));
    if (o.type == OptionType::list) type += " of " + std::string(word(o.item));
    out.push_back(Json{{"name", o.name},
                       {"type", type},
                       {"default", o.default_text.empty() ? Json(nullptr) : Json(o.default_text)},
                       {"required", o.required},
                       {"live", o.live},
                       {"min", bounded ? Json(o.min) : Json(nullptr)},
                       {"max", bounded ? Json(o.max) : Json(nullptr)},
                       {"choices", o.choices},
                       {"help", o.help},
                       {"fields", options(o.fields)}});
  }
  return out;
}

std::string text_of(const char* text) {
  return text ? text : "";
}

}  // namespace

std::string plugins_json(const std::vector<const Library*>& plugins) {
  Json list = Json::array();
  for (const Library* library : plugins) {
    const ph_plugin& p = library->plugin();
    list.push_back(Json{{"name", library->name()},
                        {"version", text_of(p.version)},
                        {"summary", text_of(p.summary)},
                        {"licence", text_of(p.licence)},
                        {"file", library->path()},
                        {"abi", std::to_string(p.abi_major) + "." + std::to_string(p.abi_minor)},
                        {"options", options(library->facts().schema)}});
  }
  Json out = Json::object();
  out["plugins"] = std::move(list);
  return dump(out);
}

}  // namespace peerhold
