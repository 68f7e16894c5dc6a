// Private to this folder: JSON as it leaves the keeper, its members in the order in which they were
// put in, on one line.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace peerhold {

using Json = nlohmann::ordered_json;

// Bytes that are no UTF-8 become U+FFFD: they may be a peer's.
inline std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace peerhold
