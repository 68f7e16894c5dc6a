// Reading JSON that a keeper sent, perhaps one of another version: a field that is missing or of
// another type reads as empty, never as an exception.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace peerhold::cli {

using Json = nlohmann::ordered_json;

inline const Json& field(const Json& object, const char* key) {
  static const Json nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}
inline std::string text(const Json& object, const char* key) {
  const Json& value = field(object, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}
inline double number(const Json& object, const char* key) {
  const Json& value = field(object, key);
  return value.is_number() ? value.get<double>() : 0.0;
}
inline bool flag(const Json& object, const char* key) {
  const Json& value = field(object, key);
  return value.is_boolean() && value.get<bool>();
}
inline Json parse_json(const std::string& text) {
  return Json::parse(text, nullptr, false);
}
// For scripts: what the keeper said, indented.
std::string pretty(const std::string& json);

}  // namespace peerhold::cli
