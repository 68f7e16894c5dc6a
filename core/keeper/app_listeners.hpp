// AppListeners: the sockets that apps connect to, TCP or UNIX. One session has one for itself, or
// several sessions share one and their plugin says by the first bytes whose connection it is.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <vector>

#include "net/listener.hpp"

namespace peerhold {

class Session;

class AppListeners {
 public:
  explicit AppListeners(Loop&);
  ~AppListeners();

  Result<void> open(Session&);
  void close(Session&);

 private:
  struct Place;
  class Undecided;  // accepted on a shared listener, not picked yet
  void accepted(Place&, Connected);

  Loop& loop_;
  std::map<Endpoint, std::unique_ptr<Place>> places_;
};

}  // namespace peerhold
