"""Reads a dataset's description in JSON-LD from standard input, and validates it.

The shapes have the properties of DCAT-AP 3 and DCAT-AP HVD 3.0 that are mandatory, and those
recommended ones that Airshed gives. Prints the titles of the distributions, sorted.
"""

import sys

import pyshacl
import rdflib

SHAPES = """
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix dcat: <http://www.w3.org/ns/dcat#> .
@prefix dcatap: <http://data.europa.eu/r5r/> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix foaf: <http://xmlns.com/foaf/0.1/> .
@prefix vcard: <http://www.w3.org/2006/vcard/ns#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix : <urn:shape:> .

:hvd sh:property
    [ sh:path dcatap:applicableLegislation ; sh:nodeKind sh:IRI ;
      sh:hasValue <http://data.europa.eu/eli/reg_impl/2023/138/oj> ] .
:category sh:property
    [ sh:path dcatap:hvdCategory ; sh:minCount 1 ; sh:hasValue <http://data.europa.eu/bna/c_dd313021> ] .
:Dataset a sh:NodeShape ; sh:targetClass dcat:Dataset ; sh:nodeKind sh:IRI ;
    sh:node :hvd, :category ;
    sh:property
    [ sh:path dct:title ; sh:minCount 1 ; sh:datatype <http://www.w3.org/1999/02/22-rdf-syntax-ns#langString> ],
    [ sh:path dct:description ; sh:minCount 1 ; sh:datatype <http://www.w3.org/1999/02/22-rdf-syntax-ns#langString> ],
    [ sh:path dcat:distribution ; sh:minCount 1 ; sh:class dcat:Distribution ],
    [ sh:path dcat:contactPoint ; sh:minCount 1 ; sh:class vcard:Organization ],
    [ sh:path dct:publisher ; sh:minCount 1 ; sh:maxCount 1 ; sh:class foaf:Agent ;
      sh:node [ sh:property [ sh:path foaf:name ; sh:minCount 1 ; sh:nodeKind sh:Literal ] ] ],
    [ sh:path dct:creator ; sh:class foaf:Agent ],
    [ sh:path dct:license ; sh:nodeKind sh:IRI ; sh:minCount 1 ],
    [ sh:path dct:accessRights ; sh:nodeKind sh:IRI ; sh:maxCount 1 ],
    [ sh:path dct:accrualPeriodicity ; sh:nodeKind sh:IRI ; sh:maxCount 1 ],
    [ sh:path dct:spatial ; sh:class dct:Location ],
    [ sh:path dct:temporal ; sh:class dct:PeriodOfTime ;
      sh:node [ sh:property
        [ sh:path dcat:startDate ; sh:datatype xsd:dateTime ; sh:minCount 1 ],
        [ sh:path dcat:endDate ; sh:datatype xsd:dateTime ; sh:minCount 1 ] ] ],
    [ sh:path dcat:theme ; sh:nodeKind sh:IRI ; sh:minCount 1 ],
    [ sh:path dcat:landingPage ; sh:nodeKind sh:IRI ; sh:minCount 1 ] .
:Distribution a sh:NodeShape ; sh:targetClass dcat:Distribution ; sh:node :hvd ;
    sh:property
    [ sh:path dcat:accessURL ; sh:minCount 1 ; sh:nodeKind sh:IRI ],
    [ sh:path dct:license ; sh:minCount 1 ; sh:nodeKind sh:IRI ],
    [ sh:path dct:format ; sh:maxCount 1 ; sh:nodeKind sh:IRI ],
    [ sh:path dcat:mediaType ; sh:maxCount 1 ; sh:nodeKind sh:IRI ],
    [ sh:path dcat:accessService ; sh:class dcat:DataService ] .
:Service a sh:NodeShape ; sh:targetClass dcat:DataService ; sh:node :hvd, :category ;
    sh:property
    [ sh:path dct:title ; sh:minCount 1 ],
    [ sh:path dcat:endpointURL ; sh:minCount 1 ; sh:nodeKind sh:IRI ],
    [ sh:path dcat:endpointDescription ; sh:nodeKind sh:IRI ],
    [ sh:path dcat:servesDataset ; sh:class dcat:Dataset ] .
"""

DCAT = rdflib.Namespace("http://www.w3.org/ns/dcat#")

graph = rdflib.Graph().parse(data=sys.stdin.buffer.read(), format="json-ld")
shapes = rdflib.Graph().parse(data=SHAPES, format="turtle")
valid, _, report = pyshacl.validate(graph, shacl_graph=shapes, inference="none")
if not valid:
    sys.exit(report)
(dataset,) = graph.subjects(rdflib.RDF.type, DCAT.Dataset)
assert str(dataset) == sys.argv[1], dataset
distributions = graph.objects(dataset, DCAT.distribution)
titles = (str(graph.value(each, rdflib.DCTERMS.title)) for each in distributions)
print(*sorted(titles), sep="\n")
