"""The shortest way to an action from where a case is: what to do first, what to give, what to wait for."""
