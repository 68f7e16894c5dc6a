// Netlink watch: calls back when an address or link of this host appears, goes or changes state.
#pragma once

#include <functional>
#include <memory>

#include "loop/loop.hpp"

namespace peerhold {

class AddressWatch {
 public:
  static Result<std::unique_ptr<AddressWatch>> open(Loop&, std::function<void()> changed);
  virtual ~AddressWatch() = default;
};

}  // namespace peerhold
