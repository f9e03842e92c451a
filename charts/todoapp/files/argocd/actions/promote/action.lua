-- As `todoapp promote`: done once for each token, and no two states of an object have the same resourceVersion.

obj.spec.rollout = obj.spec.rollout or {}
obj.spec.rollout.action = { type = "Promote", token = "argocd-" .. obj.metadata.resourceVersion }
return obj
