// Plugins: the libraries of a keeper, found by name in its plugin directories and loaded when first
// asked for.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "plugin/library.hpp"

namespace peerhold {

class Plugins {
 public:
  // `first`: directories of the command line, searched before those of the configuration.
  explicit Plugins(std::vector<std::string> first);

  // NAME.so in the first directory that has it. Once loaded, a name stays what it is until the
  // process ends. The error says what was searched, or why the file was refused.
  Result<const Library*> find(const std::string& name,
                              const std::vector<std::string>& configured_dirs);
  // Every plugin of every directory (for `peerhold plugins`); files that were refused go to
  // `refused`.
  std::vector<const Library*> all(const std::vector<std::string>& configured_dirs,
                                  std::vector<std::string>& refused);
  // Loaded so far, by name.
  std::vector<const Library*> loaded() const;

 private:
  std::vector<std::string> search_path(const std::vector<std::string>& configured) const;
  std::vector<std::string> first_;
  std::map<std::string, std::unique_ptr<Library>> loaded_;
};

}  // namespace peerhold
