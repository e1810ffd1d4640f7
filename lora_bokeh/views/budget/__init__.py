"""The page of the parameter budget.

In: a model.
Out: `BudgetExplorer`.
May import: `views.shared`.
"""
